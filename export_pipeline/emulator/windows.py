"""Padding arithmetic of sliding windows (convolutions and pools), shared by both model formats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Pads = list[tuple[int, int]]


def pairs(flat: Sequence[Any]) -> Pads:
    """Core ML's ``[before0, after0, before1, after1, ...]`` as pairs."""
    return [(int(flat[i]), int(flat[i + 1])) for i in range(0, len(flat), 2)]


def onnx_pads(pads: Pads) -> list[int]:
    """Pairs in the order of ONNX: every before, then every after."""
    return [before for before, _ in pads] + [after for _, after in pads]


def effective(kernel: Sequence[int], dilations: Sequence[int]) -> list[int]:
    """How far a dilated kernel reaches."""
    return [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]


def same_pads(sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], lower: bool = False) -> Pads:
    """Padding that makes the output ``ceil(size / stride)``; the odd element goes last, or first if *lower*."""
    pads = []
    for size, reach, stride in zip(sizes, kernel, strides, strict=True):
        total = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
        small, large = total // 2, total - total // 2
        pads.append((large, small) if lower else (small, large))
    return pads


def ceil_pads(sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Pads) -> Pads:
    """*pads* with the end extended so that rounding down gives the output size that Core ML rounds up to.

    As in PyTorch, a last window that would begin beyond the input and its padding before is left out.
    """
    extended = []
    for size, reach, stride, (before, after) in zip(sizes, kernel, strides, pads, strict=True):
        count = (size + before + after - reach + stride - 1) // stride + 1
        if (before or after) and (count - 1) * stride >= size + before:
            count -= 1
        extended.append((before, after + max((count - 1) * stride + reach - size - before - after, 0)))
    return extended


def transposed_pads(
    sizes: Sequence[int], outputs: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Pads | None
) -> tuple[Pads, list[int]]:
    """Padding and output padding with which a transposed convolution gives *outputs*.

    *pads* are the asked ones, of which only the first of each pair is a free choice; ``None`` spreads them evenly,
    which is the gradient of a "same" convolution.
    """
    found, extra = [], []
    for axis, (size, out, reach, stride) in enumerate(zip(sizes, outputs, kernel, strides, strict=True)):
        total = (size - 1) * stride + reach - out
        before = max(total, 0) // 2 if pads is None else pads[axis][0]
        after = total - before
        found.append((before, max(after, 0)))
        extra.append(max(-after, 0))
    return found, extra
