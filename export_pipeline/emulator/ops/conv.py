"""Convolutions. They accumulate in float32, as Apple's hardware does for half-precision operands."""

from __future__ import annotations

from ..calls import Call
from ..graph import Tensor
from ..registry import lower
from ..windows import Pads, effective, onnx_pads, pairs, same_pads, transposed_pads


def _vector(call: Call, name: str) -> list[int]:
    return [int(v) for v in call.value(name)]


@lower("conv")
def conv(call: Call) -> Tensor:
    """``x [N, C, *D]`` with ``weight [O, C/groups, *K]``."""
    x, weight = call.tensor("x"), call.tensor("weight")
    strides, dilations = _vector(call, "strides"), _vector(call, "dilations")
    kernel = list(weight.sizes[2:])
    kind = str(call.value("pad_type"))
    pads: Pads = [(0, 0)] * len(kernel)
    if kind == "custom":
        pads = pairs(call.value("pad"))
    elif kind.startswith("same"):
        pads = same_pads(x.sizes[2:], effective(kernel, dilations), strides, lower=kind == "same_lower")
    return call.graph.node(
        "Conv", x, weight, call.optional("bias"),
        kernel_shape=kernel, strides=strides, dilations=dilations,
        pads=onnx_pads(pads), group=int(call.value("groups")),
    )  # fmt: skip


@lower("conv_transpose")
def conv_transpose(call: Call) -> Tensor:
    """``x [N, C, *D]`` with ``weight [C, O/groups, *K]``."""
    x, weight = call.tensor("x"), call.tensor("weight")
    strides, dilations = _vector(call, "strides"), _vector(call, "dilations")
    kernel = list(weight.sizes[2:])
    kind = str(call.value("pad_type"))
    asked: Pads | None = pairs(call.value("pad")) if kind == "custom" else [(0, 0)] * len(kernel)
    if kind == "same":
        asked = None
    pads, extra = transposed_pads(x.sizes[2:], call.out_shape[2:], effective(kernel, dilations), strides, asked)
    return call.graph.node(
        "ConvTranspose", x, weight, call.optional("bias"),
        kernel_shape=kernel, strides=strides, dilations=dilations,
        pads=onnx_pads(pads), output_padding=extra, group=int(call.value("groups")),
    )  # fmt: skip
