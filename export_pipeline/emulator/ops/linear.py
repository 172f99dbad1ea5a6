"""Matrix products."""

from __future__ import annotations

from ..calls import Call
from ..graph import Tensor
from ..registry import lower


def swap_last(call: Call, tensor: Tensor, wanted: bool) -> Tensor:
    """*tensor* with its last two axes exchanged, if *wanted*."""
    if not wanted or tensor.rank < 2:
        return tensor
    order = list(range(tensor.rank))
    order[-2:] = order[-1], order[-2]
    return call.graph.node("Transpose", tensor, perm=order)


@lower("linear")
def linear(call: Call) -> Tensor:
    """``x [*, I] @ weight [O, I].T + bias [O]``."""
    weight = swap_last(call, call.tensor("weight"), True)
    product = call.graph.node("MatMul", call.tensor("x"), weight)
    return call.graph.node("Add", product, call.tensor("bias")) if call.has("bias") else product


@lower("matmul")
def matmul(call: Call) -> Tensor:
    """Batched product, either side transposed on request."""
    x = swap_last(call, call.tensor("x"), bool(call.value("transpose_x")))
    y = swap_last(call, call.tensor("y"), bool(call.value("transpose_y")))
    return call.graph.node("MatMul", x, y)


@lower("einsum")
def einsum(call: Call) -> Tensor:
    """Einstein summation, in NumPy's notation."""
    return call.graph.node("Einsum", *call.tensors("values"), equation=str(call.value("equation")))
