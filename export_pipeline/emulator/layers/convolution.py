"""Convolution, inner products, pooling."""

from __future__ import annotations

import numpy as np

from ..graph import Tensor
from ..lower_network import LayerCall
from ..moves import reshape
from ..pooling import avg_pool, l2_pool, max_pool
from ..registry import layer
from ..windows import Pads, ceil_pads, effective, onnx_pads, same_pads, transposed_pads


def as_images(call: LayerCall, x: Tensor) -> Tensor:
    """``[..., C, H, W]`` with the leading axes as one batch."""
    return x if x.rank == 4 else reshape(call.graph, x, [-1, *x.sizes[-3:]])


def like_input(call: LayerCall, y: Tensor) -> Tensor:
    """Undo :func:`as_images`."""
    lead = call.x.sizes[:-3]
    return y if len(lead) == 1 else reshape(call.graph, y, [*lead, *y.sizes[-3:]])


def _edges(amounts: object) -> Pads:
    found = [(int(e.startEdgeSize), int(e.endEdgeSize)) for e in amounts.borderAmounts]  # type: ignore[attr-defined]
    return found or [(0, 0), (0, 0)]


@layer("convolution")
def convolution(call: LayerCall) -> Tensor:
    """Convolution or deconvolution of ``[..., C, H, W]``. The weights of a convolution may be an input."""
    p, x = call.params, as_images(call, call.x)
    groups, kernel = int(p.nGroups) or 1, call.pair("kernelSize", 3)
    strides, dilations = call.pair("stride", 1), call.pair("dilationFactor", 1)
    bias = call.weights("bias", [p.outputChannels]) if p.hasBias else None
    if p.isDeconvolution:
        return like_input(call, _deconvolution(call, x, kernel, strides, dilations, groups, bias))
    if len(call.inputs) > 1:
        weight: Tensor | np.ndarray = call.inputs[1]
    else:
        weight = call.weights("weights", [p.outputChannels, p.kernelChannels, *kernel])
    if p.WhichOneof("ConvolutionPaddingType") == "same":
        pads = same_pads(x.sizes[2:], effective(kernel, dilations), strides, lower=p.same.asymmetryMode == 1)
    else:
        pads = _edges(p.valid.paddingAmounts)
    y = call.graph.node(
        "Conv", x, weight, bias,
        kernel_shape=kernel, strides=strides, dilations=dilations, pads=onnx_pads(pads), group=groups,
    )  # fmt: skip
    return like_input(call, y)


def _deconvolution(
    call: LayerCall,
    x: Tensor,
    kernel: list[int],
    strides: list[int],
    dilations: list[int],
    groups: int,
    bias: np.ndarray | None,
) -> Tensor:
    """With its dilation, which the format's text says is ignored, and Apple's own tests say is not."""
    p = call.params
    reach = effective(kernel, dilations)
    weight = call.weights("weights", [p.kernelChannels, p.outputChannels // groups, *kernel], channel_axis=1)
    same = p.WhichOneof("ConvolutionPaddingType") == "same"
    asked = None if same or len(p.outputShape) else _edges(p.valid.paddingAmounts)
    if len(p.outputShape):
        sizes = [int(size) for size in p.outputShape]
    elif same:
        sizes = [size * stride for size, stride in zip(x.sizes[2:], strides, strict=True)]
    else:
        edges = _edges(p.valid.paddingAmounts)
        sizes = [(n - 1) * s + k - sum(e) for n, s, k, e in zip(x.sizes[2:], strides, reach, edges, strict=True)]
    pads, extra = transposed_pads(x.sizes[2:], sizes, reach, strides, asked)
    return call.graph.node(
        "ConvTranspose", x, weight, bias,
        kernel_shape=kernel, strides=strides, dilations=dilations,
        pads=onnx_pads(pads), output_padding=extra, group=groups,
    )  # fmt: skip


@layer("pooling")
def pooling(call: LayerCall) -> Tensor:
    """Maximum, mean or Euclidean norm over windows of ``[..., C, H, W]``."""
    p, x = call.params, as_images(call, call.x)
    kernel, strides, kind = call.pair("kernelSize", 3), call.pair("stride", 1), p.WhichOneof("PoolingPaddingType")
    asked: Pads = [(0, 0), (0, 0)]
    if p.globalPooling:
        kernel, strides = list(x.sizes[2:]), [1, 1]
    elif kind == "same":
        asked = same_pads(x.sizes[2:], kernel, strides, lower=p.same.asymmetryMode == 1)
    elif kind == "includeLastPixel":
        asked = [(int(a), int(a)) for a in p.includeLastPixel.paddingAmounts] or asked
    elif kind == "valid":
        asked = _edges(p.valid.paddingAmounts)
    complete = kind == "includeLastPixel" and not p.globalPooling
    full = ceil_pads(x.sizes[2:], kernel, strides, asked) if complete else asked
    if p.type == 1:
        counted: Pads = [(0, 0), (0, 0)] if p.avgPoolExcludePadding else asked
        return like_input(call, avg_pool(call.graph, x, kernel, strides, full, counted))
    pool = max_pool if p.type == 0 else l2_pool
    return like_input(call, pool(call.graph, x, kernel, strides, full))


def _product(call: LayerCall, x: Tensor, weight: np.ndarray | Tensor) -> Tensor:
    """A matrix product, the left side in eight bits if the layer says so: symmetric, by its largest absolute value."""
    graph = call.graph
    if not call.params.int8DynamicQuantize:
        return graph.node("MatMul", x, weight)
    peak = graph.node("ReduceMax", graph.node("Abs", x), keepdims=0)
    step = graph.node("Max", graph.node("Div", peak, 127.0), float(np.finfo(np.float32).tiny))
    product = graph.node("MatMul", graph.node("Round", graph.node("Div", x, step)), weight)
    return graph.node("Mul", product, step)


@layer("innerProduct")
def inner_product(call: LayerCall) -> Tensor:
    """A dense layer; for rank 4 and 5 over the last three axes together."""
    p, x, rank = call.params, call.x, call.x.rank
    weight = call.weights("weights", [p.outputChannels, p.inputChannels]).T
    flat = reshape(call.graph, x, [*x.sizes[:-3], int(p.inputChannels)]) if rank > 3 else x
    y = _product(call, flat, weight)
    if p.hasBias:
        y = call.graph.node("Add", y, call.weights("bias", [p.outputChannels]))
    return reshape(call.graph, y, [*y.sizes, 1, 1]) if rank > 3 else y


@layer("batchedMatmul")
def batched_matmul(call: LayerCall) -> Tensor:
    """A product of two inputs, or of one with a stored matrix."""
    p, sides = call.params, list(call.inputs)
    if len(sides) == 1:
        # Stored column by column.
        shape = [p.weightMatrixSecondDimension, p.weightMatrixFirstDimension]
        sides.append(call.graph.constant(call.weights("weights", shape).T))
    for index, wanted in enumerate((p.transposeA, p.transposeB)):
        # With a stored matrix the converter has transposed both sides already, and sets the flags nevertheless.
        if wanted and len(call.inputs) == 2:
            order = list(range(sides[index].rank))
            order[-2:] = order[-1], order[-2]
            sides[index] = call.graph.node("Transpose", sides[index], perm=order)
    if len(call.inputs) == 2:
        # Vectors are matrices of one row, and of one column.
        sides = [
            reshape(call.graph, side, shape) if side.rank == 1 else side
            for side, shape in zip(sides, ([1, -1], [-1, 1]), strict=True)
        ]
    y = _product(call, *sides)
    return call.graph.node("Add", y, call.weights("bias", [p.weightMatrixSecondDimension])) if p.hasBias else y
