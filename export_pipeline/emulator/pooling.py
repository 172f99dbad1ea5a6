"""Pools of both model formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .graph import Graph, Tensor
from .windows import Pads, onnx_pads


def max_pool(graph: Graph, x: Tensor, kernel: Sequence[int], strides: Sequence[int], pads: Pads) -> Tensor:
    """Maximum over windows; padding never wins."""
    return graph.node("MaxPool", x, **_window(kernel, strides, pads))


def l2_pool(graph: Graph, x: Tensor, kernel: Sequence[int], strides: Sequence[int], pads: Pads) -> Tensor:
    """Square root of the sum of squares over windows."""
    return graph.node("LpPool", x, p=2, **_window(kernel, strides, pads))


def avg_pool(
    graph: Graph, x: Tensor, kernel: Sequence[int], strides: Sequence[int], pads: Pads, counted: Pads
) -> Tensor:
    """Mean over windows. *counted* is the part of *pads* whose zeros take part in the mean."""
    mean = graph.node("AveragePool", x, count_include_pad=1, **_window(kernel, strides, pads))
    if counted == pads:
        return mean
    # The pool divides by the whole window; correct by how much of each window is counted.
    shares = [_shares(*axis) for axis in zip(x.sizes[2:], kernel, strides, pads, counted, strict=True)]
    factor: Any = np.ones((), np.float64)
    for axis, share in enumerate(shares):
        factor = factor * (1 / share).reshape([-1 if i == axis else 1 for i in range(len(shares))])
    return graph.node("Mul", mean, factor.astype(np.float32))


def _shares(size: int, reach: int, stride: int, pad: tuple[int, int], counted: tuple[int, int]) -> np.ndarray:
    """For each window of one axis, the share of it that lies in the input or in counted padding."""
    begins = np.arange((size + sum(pad) - reach) // stride + 1) * stride - pad[0]
    low = np.maximum(begins, -counted[0])
    high = np.minimum(begins + reach, size + counted[1])
    return np.asarray(np.maximum(high - low, 1) / reach)


def _window(kernel: Sequence[int], strides: Sequence[int], pads: Pads) -> dict[str, Any]:
    return {"kernel_shape": list(kernel), "strides": list(strides), "pads": onnx_pads(pads)}
