"""Normalizations. Their statistics are computed in float32 and the result rounded once, also in half precision.

The sum of squares of a half-precision image overflows half precision, so hardware has to do the same.
"""

from __future__ import annotations

import numpy as np

from ..calls import Call
from ..graph import Graph, Tensor, ints
from ..moves import reshape
from ..registry import lower


def per_channel(call: Call, name: str, channels: int, default: float) -> np.ndarray:
    """An optional argument with one value per channel."""
    value = call.value(name)
    return np.full(channels, default, np.float32) if value is None else np.asarray(value, np.float32).reshape(-1)


def standardize(graph: Graph, x: Tensor, axes: list[int], epsilon: float) -> Tensor:
    """``(x - mean) / sqrt(variance + epsilon)`` over *axes*."""
    centred = graph.node("Sub", x, graph.node("ReduceMean", x, ints(axes), keepdims=1))
    variance = graph.node("ReduceMean", graph.node("Mul", centred, centred), ints(axes), keepdims=1)
    return graph.node("Div", centred, graph.node("Sqrt", graph.node("Add", variance, epsilon)))


def neighbours(graph: Graph, x: Tensor, size: int, alpha: float, beta: float, bias: float) -> Tensor:
    """Local response normalization of ``[N, C, *D]``. An even window loses one channel, but is divided by its size."""
    window = 2 * ((size - 1) // 2) + 1
    flat = reshape(graph, x, [*x.sizes[:2], -1, 1])
    result = graph.node("LRN", flat, size=window, alpha=alpha * window / size, beta=beta, bias=bias)
    return reshape(graph, result, list(x.sizes))


@lower("batch_norm")
def batch_norm(call: Call) -> Tensor:
    """``x [N, C, *D]`` with the constant mean and variance of each channel."""
    x = call.tensor("x")
    channels = x.sizes[1]
    gamma, beta = per_channel(call, "gamma", channels, 1), per_channel(call, "beta", channels, 0)
    mean, variance = per_channel(call, "mean", channels, 0), per_channel(call, "variance", channels, 1)
    return call.graph.node("BatchNormalization", x, gamma, beta, mean, variance, epsilon=float(call.value("epsilon")))


@lower("instance_norm")
def instance_norm(call: Call) -> Tensor:
    """``x [N, C, *D]`` with the mean and variance of each channel of each instance."""
    x = call.tensor("x")
    gamma, beta = per_channel(call, "gamma", x.sizes[1], 1), per_channel(call, "beta", x.sizes[1], 0)
    return call.graph.node("InstanceNormalization", x, gamma, beta, epsilon=float(call.value("epsilon")))


@lower("layer_norm")
def layer_norm(call: Call) -> Tensor:
    """Mean and variance over ``axes``; gamma and beta have the shape of those axes."""
    x, graph = call.tensor("x"), call.graph
    axes = sorted(call.axes("axes", x.rank))
    result = standardize(graph, x, axes, float(call.value("epsilon")))
    shape = [x.sizes[i] if i in axes else 1 for i in range(x.rank)]
    for name, op in (("gamma", "Mul"), ("beta", "Add")):
        if call.has(name):
            result = graph.node(op, result, np.asarray(call.value(name), np.float32).reshape(shape))
    return result


@lower("l2_norm")
def l2_norm(call: Call) -> Tensor:
    """``x`` over the root of the sum of squares of its last three axes."""
    x, graph = call.tensor("x"), call.graph
    total = graph.node("ReduceSumSquare", x, ints([-3, -2, -1]), keepdims=1)
    return graph.node("Div", x, graph.node("Sqrt", graph.node("Add", total, float(call.value("epsilon")))))


@lower("local_response_norm")
def local_response_norm(call: Call) -> Tensor:
    """Each value over a power of the mean square of its neighbour channels."""
    numbers = [float(call.value(name)) for name in ("alpha", "beta", "k")]
    return neighbours(call.graph, call.tensor("x"), int(call.value("size")), *numbers)
