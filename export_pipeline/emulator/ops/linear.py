"""Matrix products."""

from __future__ import annotations

import numpy as np

from ..calls import Call
from ..graph import Graph, Tensor
from ..registry import lower


def swap_last(call: Call, tensor: Tensor, wanted: bool) -> Tensor:
    """*tensor* with its last two axes exchanged, if *wanted*."""
    if not wanted or tensor.rank < 2:
        return tensor
    order = list(range(tensor.rank))
    order[-2:] = order[-1], order[-2]
    return call.graph.node("Transpose", tensor, perm=order)


def product(graph: Graph, x: Tensor, y: Tensor) -> Tensor:
    """A matrix product, in floats if either side is."""
    if x.dtype != y.dtype:
        x, y = graph.cast(x, np.float32), graph.cast(y, np.float32)
    return graph.node("MatMul", x, y)


@lower("linear")
def linear(call: Call) -> Tensor:
    """``x [*, I] @ weight [O, I].T + bias [O]``."""
    weight = swap_last(call, call.tensor("weight"), True)
    result = product(call.graph, call.tensor("x"), weight)
    if not call.has("bias"):
        return result
    return call.graph.node("Add", result, call.graph.cast(call.tensor("bias"), result.dtype))


@lower("matmul")
def matmul(call: Call) -> Tensor:
    """Batched product, either side transposed on request."""
    x = swap_last(call, call.tensor("x"), bool(call.value("transpose_x")))
    y = swap_last(call, call.tensor("y"), bool(call.value("transpose_y")))
    return product(call.graph, x, y)


@lower("einsum")
def einsum(call: Call) -> Tensor:
    """Einstein summation, in NumPy's notation."""
    return call.graph.node("Einsum", *call.tensors("values"), equation=str(call.value("equation")))
