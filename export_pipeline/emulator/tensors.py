"""What graphs are made of, apart from ONNX itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .guard import DependsOnData

Shape = tuple["int | None", ...]


@dataclass(frozen=True)
class Tensor:
    """A named value in the graph. A dimension is ``None`` where it depends on data."""

    name: str
    dtype: np.dtype[Any]
    shape: Shape | None

    @property
    def rank(self) -> int:
        """Number of dimensions. Raises DependsOnData if even that is not known yet."""
        if self.shape is None:
            raise DependsOnData(f"the rank of tensor {self.name!r} depends on data")
        return len(self.shape)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape, all of it known. Raises DependsOnData otherwise."""
        if self.shape is None or any(size is None for size in self.shape):
            raise DependsOnData(f"the shape of tensor {self.name!r} depends on data")
        return tuple(int(size) for size in self.shape if size is not None)


@dataclass(frozen=True)
class HostStep:
    """A NumPy function between the nodes, for what ONNX cannot say."""

    function: Callable[..., Sequence[Any]]
    input: tuple[str, ...]
    output: tuple[str, ...]


@dataclass(frozen=True)
class Options:
    """What holds for every graph of one model.

    ``memory_limit`` is in bytes per tensor, ``loop_limit`` in rounds of one loop.
    """

    rounding: bool = True
    threads: int | None = None
    memory_limit: int = 4 << 30
    loop_limit: int = 1 << 20
    label: str = "the model"


def carrier(dtype: Any) -> np.dtype[Any]:
    """The type that holds values of *dtype* in the graph: float32, int32 or bool; what is no number stays itself."""
    kind = np.dtype(dtype).kind
    return np.dtype({"f": np.float32, "b": np.bool_, "O": np.object_}.get(kind, np.int32))


def ints(values: Any) -> np.ndarray:
    """ONNX takes shapes, axes and pads as int64 vectors."""
    return np.asarray(values, np.int64).reshape(-1)
