"""Plain NumPy definitions of what Core ML's windowed and sampling operations mean, one output element at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def same_pads(sizes: Sequence[int], reach: Sequence[int], strides: Sequence[int], lower: bool = False) -> list[Any]:
    """Padding with which the output is ``ceil(size / stride)``."""
    pads = []
    for size, k, s in zip(sizes, reach, strides, strict=True):
        total = max((math.ceil(size / s) - 1) * s + k - size, 0)
        pads.append((total - total // 2, total // 2) if lower else (total // 2, total - total // 2))
    return pads


def conv2d(
    x: np.ndarray, w: np.ndarray, b: Any = 0, strides: Any = (1, 1), pads: Any = ((0, 0), (0, 0)),
    dilations: Any = (1, 1), groups: int = 1,
) -> np.ndarray:  # fmt: skip
    """``x [N, C, H, W]`` with ``w [O, C/groups, KH, KW]``."""
    x = np.pad(x, [(0, 0), (0, 0), *pads]).astype(np.float64)
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilations, strict=True)]
    rows, columns = ((n - r) // s + 1 for n, r, s in zip(x.shape[2:], reach, strides, strict=True))
    y = np.zeros((x.shape[0], w.shape[0], rows, columns))
    each = w.shape[0] // groups
    for o, i, j in itertools.product(range(w.shape[0]), range(rows), range(columns)):
        first = (o // each) * w.shape[1]
        top, left = i * strides[0], j * strides[1]
        patch = x[
            :, first : first + w.shape[1], top : top + reach[0] : dilations[0], left : left + reach[1] : dilations[1]
        ]
        y[:, o, i, j] = (patch * w[o]).sum((1, 2, 3))
    return y + np.reshape(b, (1, -1, 1, 1))


def conv_transpose2d(x: np.ndarray, w: np.ndarray, strides: Any, begin: Any, out: Any, groups: int = 1) -> np.ndarray:
    """``x [N, C, H, W]`` with ``w [C, O/groups, KH, KW]``: every input element adds its kernel to the output."""
    n, c, rows, columns = x.shape
    kh, kw = w.shape[2:]
    full = np.zeros((n, w.shape[1] * groups, max((rows - 1) * strides[0] + kh, out[0] + begin[0]),
                     max((columns - 1) * strides[1] + kw, out[1] + begin[1])))  # fmt: skip
    for ch, i, j in itertools.product(range(c), range(rows), range(columns)):
        first = (ch // (c // groups)) * w.shape[1]
        top, left = i * strides[0], j * strides[1]
        target = full[:, first : first + w.shape[1], top : top + kh, left : left + kw]
        target += x[:, ch, i, j][:, None, None, None] * w[ch][None]
    return full[:, :, begin[0] : begin[0] + out[0], begin[1] : begin[1] + out[1]]


def pool2d(
    x: np.ndarray, kernel: Any, strides: Any, pads: Any, reduce: Callable[[np.ndarray, int], float],
    counts: Any, fill: float,
) -> np.ndarray:  # fmt: skip
    """*counts* are the output sizes; *reduce* gets the window's values (padding is *fill*, beyond it nothing)."""
    padded = np.pad(x, [(0, 0), (0, 0), *pads], constant_values=fill).astype(np.float64)
    inside = np.pad(np.ones(x.shape[2:]), pads)
    y = np.zeros((*x.shape[:2], *counts))
    for n, c, i, j in itertools.product(*(range(s) for s in y.shape)):
        area = np.s_[i * strides[0] : i * strides[0] + kernel[0], j * strides[1] : j * strides[1] + kernel[1]]
        y[n, c, i, j] = reduce(padded[n, c][area], int(inside[area].sum()))
    return y


def sample(x: np.ndarray, height: Sequence[float], width: Sequence[float]) -> np.ndarray:
    """Bilinear interpolation of the last two axes at the given positions."""

    def along(values: np.ndarray, points: Sequence[float]) -> np.ndarray:
        positions = np.arange(values.shape[-1])
        return np.apply_along_axis(lambda line: np.interp(points, positions, line), -1, values)

    return np.swapaxes(along(np.swapaxes(along(x, width), -1, -2), height), -1, -2)


def standardize(x: np.ndarray, axes: tuple[int, ...], epsilon: float) -> np.ndarray:
    """``(x - mean) / sqrt(variance + epsilon)``"""
    x = x.astype(np.float64)
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)
