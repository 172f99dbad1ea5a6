"""Convolution and pooling of volumes ``[N, C, D, H, W]``."""

from __future__ import annotations

from typing import Any

from ..graph import Tensor, ints
from ..lower_network import LayerCall
from ..pooling import avg_pool, max_pool
from ..registry import layer
from ..windows import Pads, effective, onnx_pads, same_pads, transposed_pads


def _triple(params: Any, stem: str) -> list[int]:
    return [int(getattr(params, stem + side)) or 1 for side in ("Depth", "Height", "Width")]


def _custom(params: Any) -> Pads:
    sides = (("Front", "Back"), ("Top", "Bottom"), ("Left", "Right"))
    return [(int(getattr(params, f"customPadding{a}")), int(getattr(params, f"customPadding{b}"))) for a, b in sides]


def _pads(call: LayerCall, reach: list[int], strides: list[int]) -> Pads:
    kind = call.params.paddingType  # custom, valid, same
    if kind == 0:
        return _custom(call.params)
    return [(0, 0)] * 3 if kind == 1 else same_pads(call.x.sizes[2:], reach, strides)


@layer("convolution3d")
def convolution(call: LayerCall) -> Tensor:
    """Convolution or deconvolution."""
    p, groups = call.params, int(call.params.nGroups) or 1
    kernel, strides, dilations = (_triple(p, stem) for stem in ("kernel", "stride", "dilation"))
    reach = effective(kernel, dilations)
    bias = call.weights("bias", [p.outputChannels]) if p.hasBias else None
    shared = {"kernel_shape": kernel, "strides": strides, "dilations": dilations, "group": groups}
    if not p.isDeconvolution:
        weight = call.weights("weights", [p.outputChannels, p.inputChannels // groups, *kernel])
        return call.graph.node("Conv", call.x, weight, bias, pads=onnx_pads(_pads(call, reach, strides)), **shared)
    weight = call.weights("weights", [p.inputChannels, p.outputChannels // groups, *kernel], channel_axis=1)
    asked = None if p.paddingType == 2 or len(p.outputShape) else _pads(call, reach, strides)
    if len(p.outputShape):
        sizes = [int(size) for size in p.outputShape][-3:]
    elif asked is None:
        sizes = [size * stride for size, stride in zip(call.x.sizes[2:], strides, strict=True)]
    else:
        rows = zip(call.x.sizes[2:], strides, reach, asked, strict=True)
        sizes = [(n - 1) * s + k - sum(e) for n, s, k, e in rows]
    pads, extra = transposed_pads(call.x.sizes[2:], sizes, reach, strides, asked)
    return call.graph.node("ConvTranspose", call.x, weight, bias, pads=onnx_pads(pads), output_padding=extra, **shared)


@layer("pooling3d")
def pooling(call: LayerCall) -> Tensor:
    """Maximum or mean over windows."""
    p = call.params
    kernel, strides = _triple(p, "kernel"), _triple(p, "stride")
    pads = _pads(call, kernel, strides)
    if p.type == 0:
        return max_pool(call.graph, call.x, kernel, strides, pads)
    return avg_pool(call.graph, call.x, kernel, strides, pads, [(0, 0)] * 3 if p.countExcludePadding else pads)


@layer("globalPooling3d")
def global_pooling(call: LayerCall) -> Tensor:
    """Maximum or mean over all of a volume."""
    kind = "ReduceMax" if call.params.type == 0 else "ReduceMean"
    return call.graph.node(kind, call.x, ints([-3, -2, -1]), keepdims=1)
