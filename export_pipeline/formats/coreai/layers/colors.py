"""Colours of one image with the means and covariances of another, as ``models/color_transfer.py`` has them.

Computed in float32 whatever the arithmetic is: a factor is the root of a small difference of means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from export_pipeline.formats.coreai.registry import Call, layer
from export_pipeline.formats.coreai.tensor import Tensor

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program

# Those of ``models/color_transfer.py``, which imports TensorFlow; the process that writes a file has none.
BASIS = np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]]) / np.sqrt([[3], [6], [2]])
PAIRS = ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2))
LEAST_OF_STYLE, LEAST_OF_PHOTO, SAMPLED = 1e-5, 1e-3, 5


@dataclass(frozen=True)
class Term:
    """A tensor of float32 that can be written as in a formula."""

    program: Program
    tensor: Tensor

    def __add__(self, other: Term | float) -> Term:
        if isinstance(other, Term):
            return self._with(self.program.binary("add", self.tensor, other.tensor))
        return self._with(self.program.scaled(self.tensor, 1, other))

    def __sub__(self, other: Term) -> Term:
        return self._with(self.program.binary("sub", self.tensor, other.tensor))

    def __mul__(self, other: Term | float) -> Term:
        if isinstance(other, Term):
            return self._with(self.program.binary("mul", self.tensor, other.tensor))
        return self._with(self.program.scaled(self.tensor, other))

    def __neg__(self) -> Term:
        return self * -1.0

    def rsqrt(self) -> Term:
        """One over the square root."""
        return self._with(self.program.unary("rsqrt", self.tensor))

    def relu(self) -> Term:
        """Nothing below zero."""
        return self._with(self.program.unary("relu", self.tensor))

    def _with(self, tensor: Tensor) -> Term:
        return Term(self.program, tensor)


@layer("ColorStatistics")
def _statistics(program: Program, call: Call, x: Tensor) -> Tensor:
    means, (c11, c21, c22, c31, c32, c33) = _centred(program, _opponents(program, x))
    i11 = (c11 + LEAST_OF_STYLE).rsqrt()
    s21, s31 = c21 * i11, c31 * i11
    v22 = (c22 - s21 * s21).relu() + LEAST_OF_STYLE
    i22 = v22.rsqrt()
    s32 = (c32 - s31 * s21) * i22
    v33 = (c33 - s31 * s31 - s32 * s32).relu() + LEAST_OF_STYLE
    roots = [(c11 + LEAST_OF_STYLE) * i11, s21, v22 * i22, s31, s32, v33 * v33.rsqrt()]
    return _joined(program, [*means, *roots])


@layer("ColorTransfer")
def _transfer(program: Program, call: Call, image: Tensor, colors: Tensor, strength: Tensor) -> Tensor:
    whole, share = program.cast(image, np.float32), Term(program, program.cast(strength, np.float32))
    few = program.cut(whole, (0,) * 4, whole.shape, (1, SAMPLED, SAMPLED, 1))
    means, (c11, c21, c22, c31, c32, c33) = _centred(program, _opponents(program, few))
    i11 = (c11 + LEAST_OF_PHOTO).rsqrt()
    l21, l31 = c21 * i11, c31 * i11
    i22 = ((c22 - l21 * l21).relu() + LEAST_OF_PHOTO).rsqrt()
    l32 = (c32 - l31 * l21) * i22
    i33 = ((c33 - l31 * l31 - l32 * l32).relu() + LEAST_OF_PHOTO).rsqrt()
    i21, i32 = -l21 * i11 * i22, -l32 * i22 * i33
    i31 = -(l31 * i11 + l32 * i21) * i33
    m1, m2, m3, s11, s21, s22, s31, s32, s33 = _split(program, colors)
    of_opponents = [
        _in_rgb(program, [s11 * i11, s21 * i11 + s22 * i21, s31 * i11 + s32 * i21 + s33 * i31]),
        _in_rgb(program, [None, s22 * i22, s32 * i22 + s33 * i32]),
        _in_rgb(program, [None, None, s33 * i33]),
    ]
    units = [_row(program, unit) for unit in np.eye(3)]
    rows = [unit + share * (row - unit) for unit, row in zip(units, _times(BASIS.T, of_opponents), strict=True)]
    center, wanted = _in_rgb(program, means) * 255.0, _in_rgb(program, [m1, m2, m3]) * 255.0
    moved = center + share * (wanted - center)
    middles = _split(program, center.tensor)
    red, green, blue = (part - middle for part, middle in zip(_split(program, whole), middles, strict=True))
    columns = zip(*(_split(program, each.tensor) for each in (*rows, moved)), strict=True)
    return _joined(program, [red * r + green * g + blue * b + offset for r, g, b, offset in columns])


@layer("Channels")
def _channels(program: Program, call: Call, x: Tensor) -> Tensor:
    """The last ones."""
    return program.cut(x, (0, 0, 0, x.shape[-1] - int(call.config["count"])), x.shape)


@layer("SquareRoot")
def _root(program: Program, call: Call, x: Tensor) -> Tensor:
    """``sqrt(max(x, 0) + epsilon)``, as ``v * rsqrt(v)``."""
    raised = Term(program, program.cast(x, np.float32)).relu() + float(call.config["epsilon"])
    return program.computed((raised * raised.rsqrt()).tensor)


def _split(program: Program, x: Tensor) -> list[Term]:
    """Each channel of *x* by itself."""
    exact, (*rest, count) = program.cast(x, np.float32), x.shape
    starts = ((0, 0, 0, place) for place in range(count))
    return [Term(program, program.cut(exact, start, (*rest, start[-1] + 1))) for start in starts]


def _joined(program: Program, parts: Sequence[Term]) -> Tensor:
    return program.computed(program.concat([part.tensor for part in parts], -1))


def _opponents(program: Program, image: Tensor) -> list[Term]:
    """Brightness, yellow against blue, and red against green."""
    return _times(BASIS / 255, _split(program, image))


def _in_rgb(program: Program, opponents: Sequence[Term | None]) -> Term:
    """``(N, 1, 1, 3)``: the sum of *opponents*, ``None`` for 0, in RGB."""
    first, *more = (part * _row(program, row) for part, row in zip(opponents, BASIS, strict=True) if part is not None)
    for term in more:
        first = first + term
    return first


def _row(program: Program, numbers: np.ndarray) -> Term:
    """*numbers* as channels."""
    return Term(program, Tensor(program.constant(numbers.reshape(1, 1, 1, -1), np.float32)))


def _times(matrix: np.ndarray, parts: Sequence[Term]) -> list[Term]:
    made = []
    for row in matrix:
        first, *more = (part * float(factor) for factor, part in zip(row, parts, strict=True) if factor)
        for term in more:
            first = first + term
        made.append(first)
    return made


def _centred(program: Program, parts: Sequence[Term]) -> tuple[list[Term], list[Term]]:
    """Means of *parts* over all positions, and their covariances in the order of :data:`PAIRS`."""

    def mean(term: Term) -> Term:
        # One axis at a time: a sum over a whole photograph would lose of a float32 what a small covariance is made of.
        return Term(program, program.mean(program.mean(term.tensor, (2,)), (1,)))

    means = [mean(part) for part in parts]
    return means, [mean(parts[i] * parts[j]) - means[i] * means[j] for i, j in PAIRS]
