"""A value of a program, and where its axes lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Orders of the axes of ``(N, W, C)`` and ``(N, H, W, C)``, and back.
LAST_TO_FIRST = {3: (0, 2, 1), 4: (0, 3, 1, 2)}
FIRST_TO_LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1)}


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value, and whether its channels come before its other axes (``NCHW``) instead of after them (``NHWC``)."""

    value: Any
    first: bool = False

    @property
    def held(self) -> tuple[int, ...]:
        """Its shape as it lies."""
        return tuple(self.value.type.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape with the channels last."""
        held = self.held
        return tuple(held[axis] for axis in FIRST_TO_LAST[len(held)]) if self.first else held

    @property
    def axes(self) -> tuple[int, ...]:
        """Where the axes of ``shape`` lie."""
        return FIRST_TO_LAST[len(self.held)] if self.first else tuple(range(len(self.held)))

    @property
    def dtype(self) -> str:
        """``float16``, ``float32`` or another of NumPy's."""
        return _dtype(self.value.type.element_type)


def _dtype(element: Any) -> str:
    text = str(element)
    names = {"f16": "float16", "f32": "float32", "i1": "bool"}
    return names.get(text) or text.replace("si", "int").replace("ui", "uint")


def held_axis(tensor: Tensor, axis: int) -> int:
    """Where *axis*, with the channels last, lies."""
    return tensor.axes[axis % len(tensor.held)]


def order(tensor: Tensor) -> tuple[int, ...]:
    """Which axis, with the channels last, lies at each place."""
    return LAST_TO_FIRST[len(tensor.held)] if tensor.first else tuple(range(len(tensor.held)))


def placed(tensor: Tensor, numbers: Sequence[Any]) -> list[Any]:
    """*numbers* for axes with the channels last, in the order in which the axes lie."""
    return [numbers[axis] for axis in order(tensor)]
