"""Squares that an image is computed in, and what lies around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A part of an image or features: rows ``top`` to ``bottom`` and columns ``left`` to ``right``, not the ends."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """What cuts it out of an array ``(H, W, C)``."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, margin: int, height: int, width: int) -> Box:
        """With *margin* more on each side, as far as an image of *height* and *width* has it."""
        return Box(
            max(0, self.top - margin),
            max(0, self.left - margin),
            min(height, self.bottom + margin),
            min(width, self.right + margin),
        )

    def inside(self, outer: Box) -> Box:
        """Where it lies in what *outer* cuts out."""
        return Box(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)

    def over(self, stride: int) -> Box:
        """The same part of features that have one position for *stride* pixels a side, which all four divide."""
        return Box(self.top // stride, self.left // stride, self.bottom // stride, self.right // stride)


def boxes(height: int, width: int, side: int) -> Iterator[Box]:
    """Squares of *side* that cover an image, row by row; those at its end are smaller."""
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield Box(top, left, min(height, top + side), min(width, left + side))
