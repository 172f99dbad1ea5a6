"""Normalizations and reductions."""

from __future__ import annotations

import numpy as np

from ..graph import Tensor, ints
from ..lower_network import LayerCall
from ..ops.normalization import neighbours, standardize
from ..registry import layer
from .convolution import as_images, like_input

_REDUCTIONS = {
    "reduceL1": "ReduceL1", "reduceL2": "ReduceL2", "reduceMax": "ReduceMax", "reduceMin": "ReduceMin",
    "reduceSum": "ReduceSum", "reduceProd": "ReduceProd", "reduceMean": "ReduceMean",
    "reduceLogSum": "ReduceLogSum", "reduceSumSquare": "ReduceSumSquare", "reduceLogSumExp": "ReduceLogSumExp",
}  # fmt: skip
# ReduceLayerParams: the operations and axes of the older reduce layer, in the order of their enums.
_OLDER = (
    "ReduceSum", "ReduceMean", "ReduceProd", None, "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMin",
)  # fmt: skip
_OLDER_AXES = ([-3, -2, -1], [-2, -1], [-3], [-2], [-1])


@layer("batchnorm")
def batchnorm(call: LayerCall) -> Tensor:
    """Normalize channels of ``[..., C, H, W]`` by stored, batch or instance statistics."""
    p, epsilon, graph = call.params, float(call.params.epsilon) or 1e-5, call.graph
    channels = int(p.channels)
    gamma, beta = call.weights("gamma", [channels]), call.weights("beta", [channels])
    if not p.computeMeanVar:
        mean, variance = (call.weights(name, [channels]).astype(np.float64) for name in ("mean", "variance"))
        factor = gamma / np.sqrt(variance + epsilon)
        offset = beta - mean * factor
        scaled = graph.node("Mul", call.x, factor.astype(np.float32).reshape(-1, 1, 1))
        return graph.node("Add", scaled, offset.astype(np.float32).reshape(-1, 1, 1))
    x = as_images(call, call.x)
    if p.instanceNormalization:
        return like_input(call, graph.node("InstanceNormalization", x, gamma, beta, epsilon=epsilon))
    y = standardize(graph, x, [0, 2, 3], epsilon)
    y = graph.node("Mul", y, gamma.reshape(-1, 1, 1))
    return like_input(call, graph.node("Add", y, beta.reshape(-1, 1, 1)))


@layer("mvn")
def mvn(call: LayerCall) -> Tensor:
    """Subtract the mean of each channel (or of all), and divide by the deviation."""
    p, graph = call.params, call.graph
    axes = [-3, -2, -1] if p.acrossChannels else [-2, -1]
    if p.normalizeVariance:
        return standardize(graph, call.x, axes, float(p.epsilon) or 1e-6)
    return graph.node("Sub", call.x, graph.node("ReduceMean", call.x, ints(axes), keepdims=1))


@layer("layerNormalization")
def layer_normalization(call: LayerCall) -> Tensor:
    """Normalize the last axes."""
    shape = [int(size) for size in call.params.normalizedShape]
    y = standardize(call.graph, call.x, list(range(-len(shape), 0)), float(call.params.eps) or 1e-5)
    y = call.graph.node("Mul", y, call.weights("gamma", shape))
    return call.graph.node("Add", y, call.weights("beta", shape))


@layer("l2normalize")
def l2_normalize(call: LayerCall) -> Tensor:
    """Divide by the Euclidean norm of the last three axes."""
    graph = call.graph
    total = graph.node("ReduceSumSquare", call.x, ints([-3, -2, -1]), keepdims=1)
    return graph.node("Div", call.x, graph.node("Sqrt", graph.node("Add", total, float(call.params.epsilon) or 1e-6)))


@layer("lrn")
def lrn(call: LayerCall) -> Tensor:
    """Local response normalization across channels."""
    p = call.params
    numbers = float(p.alpha), float(p.beta), float(p.k) or 1.0
    return like_input(call, neighbours(call.graph, as_images(call, call.x), int(p.localSize), *numbers))


@layer("softmax")
def softmax(call: LayerCall) -> Tensor:
    """Softmax over channels, the third axis from the end."""
    return call.graph.node("Softmax", call.x, axis=-3)


@layer("softmaxND")
def softmax_nd(call: LayerCall) -> Tensor:
    """Softmax along an axis."""
    return call.graph.node("Softmax", call.x, axis=int(call.params.axis))


@layer(*_REDUCTIONS)
def reductions(call: LayerCall) -> Tensor:
    """Reduce axes."""
    p = call.params
    axes = list(range(call.x.rank)) if p.reduceAll or not len(p.axes) else list(p.axes)
    return call.graph.node(_REDUCTIONS[call.kind], call.x, ints(axes), keepdims=int(p.keepDims))


@layer("reduce")
def reduce(call: LayerCall) -> Tensor:
    """The older reduction, which keeps the rank."""
    p, graph = call.params, call.graph
    axes = _OLDER_AXES[p.axis]
    if p.mode == 9:
        return graph.node("ArgMax", call.x, axis=axes[0], keepdims=1)
    if p.mode == 3:
        logs = graph.node("Log", graph.node("Add", call.x, float(p.epsilon) or 1e-6))
        return graph.node("ReduceSum", logs, ints(axes), keepdims=1)
    return graph.node(str(_OLDER[p.mode]), call.x, ints(axes), keepdims=1)


@layer("argMax", "argMin")
def argument(call: LayerCall) -> Tensor:
    """Position of the largest or smallest along an axis."""
    name = call.kind[:1].upper() + call.kind[1:]
    return call.graph.node(name, call.x, axis=int(call.params.axis), keepdims=int(not call.params.removeDim))
