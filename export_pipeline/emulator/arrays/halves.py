"""Sums, products and norms as a processor computes them that has half-precision accumulators only.

Every operand, every partial sum and every result is rounded to half precision. A partial sum is what adder trees add
before they touch the accumulator: the window of one input channel in a convolution, one place of the window in a pool,
and ``NEIGHBOURS`` neighbours anywhere else. Sums over several axes run along the innermost axis first, and then over
the sums of its rows. Means are sums divided by the count, variances the means of squares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

NEIGHBOURS = 8
LARGEST = float(np.finfo(np.float16).max)
Round = Callable[[np.ndarray], np.ndarray]

# Told of a sum that left half precision: the largest absolute value that it meets, and what became of it.
Lost = Callable[[float, np.ndarray], None]


def half(array: Any) -> np.ndarray:
    """The nearest half-precision values, carried in float32; infinite beyond 65504."""
    with np.errstate(over="ignore"):
        return np.asarray(array).astype(np.float16).astype(np.float32)


class _Wide:
    """In place of :func:`half`: rounds nothing and remembers the largest absolute value."""

    def __init__(self) -> None:
        self.largest = 0.0

    def __call__(self, array: np.ndarray) -> np.ndarray:
        self.largest = max(self.largest, float(np.max(np.abs(array), initial=0.0)))
        return array


class Halves:
    """Half-precision sums that report to *lost*. With *heal* a sum that is lost is replaced by what float32 gives."""

    def __init__(self, lost: Lost, heal: bool = False) -> None:
        self._lost, self._heal = lost, heal

    def compute(self, function: Callable[..., np.ndarray], *operands: np.ndarray) -> np.ndarray:
        """``function(rounding, *operands)``, which passes every partial sum through *rounding*."""
        with np.errstate(all="ignore"):
            result = function(half, *(half(operand) for operand in operands))
            if np.isfinite(result).all() or not all(np.isfinite(operand).all() for operand in operands):
                return result
            wide = _Wide()
            exact = function(wide, *(wide(operand) for operand in operands))
        self._lost(wide.largest, result)
        return exact.astype(np.float32) if self._heal else result

    def sum(self, x: np.ndarray, axes: Sequence[int], keep: bool = True) -> np.ndarray:
        """The sum over *axes*."""
        return self.compute(lambda r, x: total(r, x, axes, keep), x)

    def mean(self, x: np.ndarray, axes: Sequence[int], keep: bool = True) -> np.ndarray:
        """The mean over *axes*."""
        return self.rounded(self.sum(x, axes, keep) / np.float32(count(x, axes)))

    def rounded(self, array: np.ndarray) -> np.ndarray:
        """A result that may be kept as it is when values are healed."""
        return np.asarray(array, np.float32) if self._heal else half(array)


def count(x: np.ndarray, axes: Sequence[int]) -> int:
    """How many values a reduction of *axes* joins."""
    return max(int(np.prod([x.shape[axis] for axis in axes])), 1)


def total(r: Round, x: np.ndarray, axes: Sequence[int], keep: bool = True) -> np.ndarray:
    """The sum over *axes*, innermost first, ``NEIGHBOURS`` values at a time."""
    for axis in sorted((axis % x.ndim for axis in axes), reverse=True):
        lines = np.moveaxis(x, axis, -1)
        x = np.expand_dims(_along_last(r, lines), axis)
    return x if keep else np.squeeze(x, tuple(axis % x.ndim for axis in axes))


def _along_last(r: Round, lines: np.ndarray) -> np.ndarray:
    found = np.zeros(lines.shape[:-1], np.float32)
    for first in range(0, lines.shape[-1], NEIGHBOURS):
        found = r(found + r(lines[..., first : first + NEIGHBOURS].sum(-1)))
    return found


def running(r: Round, x: np.ndarray, axis: int, exclusive: bool, reverse: bool) -> np.ndarray:
    """The running sum along *axis*, one value after another."""
    lines = np.moveaxis(x, axis, 0)[:: -1 if reverse else 1]
    sums, so_far = np.empty_like(lines), np.zeros(lines.shape[1:], np.float32)
    for index, line in enumerate(lines):
        before, so_far = so_far, r(so_far + line)
        sums[index] = before if exclusive else so_far
    return np.moveaxis(sums[:: -1 if reverse else 1], 0, axis)


def multiplied(r: Round, x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """The product over *axes*, one value after another; the axes stay with size one."""
    last = tuple(range(x.ndim - len(axes), x.ndim))
    lines = np.moveaxis(x, [axis % x.ndim for axis in axes], last)
    flat = lines.reshape(*lines.shape[: x.ndim - len(axes)], -1)
    found = np.ones(flat.shape[:-1], np.float32)
    for index in range(flat.shape[-1]):
        found = r(found * flat[..., index])
    return found.reshape([1 if i in {a % x.ndim for a in axes} else n for i, n in enumerate(x.shape)])


def matmul(r: Round, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``numpy.matmul``, ``NEIGHBOURS`` products of each sum at a time."""
    left, right = (a[None] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    found: Any = np.float32(0)
    for first in range(0, left.shape[-1], NEIGHBOURS):
        part = slice(first, first + NEIGHBOURS)
        found = r(found + r(left[..., part] @ right[..., part, :]))
    rows = found[..., 0, :] if a.ndim == 1 else found
    return np.asarray(rows[..., 0] if b.ndim == 1 else rows)


def einsum(r: Round, equation: str, *operands: np.ndarray) -> np.ndarray:
    """``numpy.einsum``, ``NEIGHBOURS`` products of the last summed index at a time."""
    given, _, result = equation.replace(" ", "").partition("->")
    terms = given.split(",")
    summed = [letter for letter in dict.fromkeys("".join(terms)) if letter.isalpha() and letter not in result]
    if not summed:
        return r(np.einsum(equation, *operands))
    letter = summed[-1]
    found: Any = np.float32(0)
    size = next(x.shape[t.index(letter) - len(t)] for t, x in zip(terms, operands, strict=True) if letter in t)
    for first in range(0, size, NEIGHBOURS):
        part = range(first, min(first + NEIGHBOURS, size))
        rows = zip(terms, operands, strict=True)
        cut = [np.take(x, part, t.index(letter) - len(t)) if letter in t else x for t, x in rows]
        found = r(found + r(np.einsum(equation, *cut)))
    return np.asarray(found)


def windows(x: np.ndarray, attributes: Any) -> np.ndarray:
    """``x [N, C, *D]`` as ``[N, C, *out, *kernel]``, padded with zeros, without a copy of the windows."""
    kernel, rank = list(attributes["kernel_shape"]), x.ndim - 2
    pads, strides = attributes.get("pads", [0] * 2 * rank), attributes.get("strides", [1] * rank)
    padded = np.pad(x, [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)])
    views = np.lib.stride_tricks.sliding_window_view(padded, kernel, tuple(range(2, x.ndim)))
    return views[(slice(None), slice(None), *(slice(None, None, step) for step in strides))]
