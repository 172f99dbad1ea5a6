"""Reductions. Sums accumulate in float32 and are rounded once."""

from __future__ import annotations

import numpy as np

from ..calls import Call
from ..graph import Tensor, ints
from ..registry import lower

_SUMS = {
    "reduce_l1_norm": "ReduceL1", "reduce_l2_norm": "ReduceL2", "reduce_log_sum": "ReduceLogSum",
    "reduce_log_sum_exp": "ReduceLogSumExp", "reduce_prod": "ReduceProd",
    "reduce_sum": "ReduceSum", "reduce_sum_square": "ReduceSumSquare",
}  # fmt: skip
_CHOICES = {"reduce_max": "ReduceMax", "reduce_min": "ReduceMin"}
_ARGUMENTS = {"reduce_argmax": "ArgMax", "reduce_argmin": "ArgMin"}


def _reduce(call: Call, onnx_type: str) -> Tensor:
    x = call.tensor("x")
    axes = ints(call.axes("axes", x.rank))
    return call.graph.node(onnx_type, x, axes, keepdims=int(bool(call.value("keep_dims"))))


@lower("reduce_mean")
def reduce_mean(call: Call) -> Tensor:
    """Means over axes. Those of images are pools, which ONNX Runtime computes in its own layout of channels."""
    x = call.tensor("x")
    axes, keep = sorted(call.axes("axes", x.rank)), bool(call.value("keep_dims"))
    if x.rank != 4 or axes != [2, 3] or x.dtype.kind != "f":
        return _reduce(call, "ReduceMean")
    pooled = call.graph.node("GlobalAveragePool", x)
    return pooled if keep else call.graph.node("Squeeze", pooled, ints(axes))


@lower(*_SUMS)
def sums(call: Call) -> Tensor:
    """Sums and norms over axes."""
    return _reduce(call, _SUMS[call.operation.op_type])


@lower(*_CHOICES, exact=True)
def choices(call: Call) -> Tensor:
    """Largest or smallest over axes."""
    return _reduce(call, _CHOICES[call.operation.op_type])


@lower(*_ARGUMENTS)
def arguments(call: Call) -> Tensor:
    """Position of the first largest or smallest along an axis."""
    keep = int(bool(call.value("keep_dims")))
    x = call.tensor("x")
    return call.graph.node(_ARGUMENTS[call.operation.op_type], x, axis=int(call.value("axis")), keepdims=keep)


@lower("cumsum")
def cumsum(call: Call) -> Tensor:
    """Running sum along an axis."""
    flags = {name: int(bool(call.value(name))) for name in ("exclusive", "reverse")}
    return call.graph.node("CumSum", call.tensor("x"), np.array(int(call.value("axis")), np.int64), **flags)


@lower("topk", exact=True)
def topk(call: Call) -> list[Tensor]:
    """The ``k`` largest (or smallest) along an axis, and their positions."""
    k, axis = ints([call.value("k")]), int(call.value("axis"))
    largest = int(not bool(call.value("ascending")))
    found = call.graph.nodes_out("TopK", 2, call.tensor("x"), k, axis=axis, largest=largest)
    return found[: len(call.operation.outputs)]


@lower("argsort")
def argsort(call: Call) -> Tensor:
    """Positions in sorted order along an axis."""
    x, axis = call.tensor("x"), int(call.value("axis"))
    largest = int(not bool(call.value("ascending")))
    return call.graph.nodes_out("TopK", 2, x, ints([x.sizes[axis]]), axis=axis, largest=largest)[1]
