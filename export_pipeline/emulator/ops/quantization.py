"""Quantized activations, and attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..calls import Call
from ..graph import Tensor
from ..registry import lower


def _along(call: Call, name: str, rank: int) -> Any:
    """A scalar, or one value for each element of ``axis``, ready to meet the input."""
    value = np.asarray(call.value(name), np.float32)
    if value.ndim == 0:
        return value
    axis = int(call.value("axis")) % rank
    return value.reshape([-1 if i == axis else 1 for i in range(rank)])


@lower("quantize")
def quantize(call: Call) -> Tensor:
    """``round(x / scale + zero_point)`` in the range of ``output_dtype``."""
    x, graph = call.tensor("input"), call.graph
    scaled = graph.node("Round", graph.node("Div", x, _along(call, "scale", x.rank)))
    if call.has("zero_point"):
        scaled = graph.node("Add", scaled, _along(call, "zero_point", x.rank))
    bounds = np.iinfo(np.dtype(str(call.value("output_dtype"))))
    return graph.node("Clip", scaled, float(bounds.min), float(bounds.max))


@lower("dequantize")
def dequantize(call: Call) -> Tensor:
    """``(x - zero_point) scale``"""
    graph = call.graph
    x = graph.cast(call.tensor("input"), np.float32)
    if call.has("zero_point"):
        x = graph.node("Sub", x, _along(call, "zero_point", x.rank))
    return graph.node("Mul", x, _along(call, "scale", x.rank))


@lower("scaled_dot_product_attention")
def attention(call: Call) -> Tensor:
    """``softmax(q k^T / sqrt(E) + mask) v``"""
    graph = call.graph
    query, key, value = (call.tensor(name) for name in ("query", "key", "value"))
    order = [*range(key.rank - 2), key.rank - 1, key.rank - 2]
    scores = graph.node("MatMul", query, graph.node("Transpose", key, perm=order))
    scores = graph.node("Mul", scores, float(1 / np.sqrt(query.sizes[-1])))
    if call.has("attn_mask"):
        mask = call.tensor("attn_mask")
        if mask.dtype == np.bool_:
            mask = graph.node("Where", mask, graph.constant(0.0), graph.constant(-np.inf))
        scores = graph.node("Add", scores, mask)
    return graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
