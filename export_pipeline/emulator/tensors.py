"""What graphs are made of, apart from ONNX itself."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import EmulatorError
from .guard import DependsOnData

Shape = tuple["int | None", ...]
Custom = Mapping[str, Callable[..., Any]]  # functions of custom layers, by the class of the layer
MEMORY_LIMIT = 4 << 30  # bytes of one tensor
LOOP_LIMIT = 1 << 20  # rounds of all loops of one run


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
    """A NumPy function between the nodes, for what ONNX cannot say.

    ``work`` counts its multiply-accumulates, or says why they are not known.
    """

    function: Callable[..., Sequence[Any]]
    input: tuple[str, ...]
    output: tuple[str, ...]
    work: int | str = 0


class _Rounds(threading.local):
    """How many rounds the loops of the run at work have taken; each thread runs a model by itself."""

    taken = 0


@dataclass(frozen=True)
class Options:
    """What holds for every graph of one model.

    ``memory_limit`` is in bytes per tensor, ``loop_limit`` in rounds of all loops of one run together: nested loops
    share it, since each would multiply the bound of the one around it. ``custom`` has the functions of custom layers.
    """

    rounding: bool = True
    threads: int | None = None
    memory_limit: int = MEMORY_LIMIT
    loop_limit: int = LOOP_LIMIT
    label: str = "the model"
    custom: Custom = field(default_factory=dict)
    _rounds: _Rounds = field(default_factory=_Rounds, init=False, repr=False, compare=False)

    def begin_run(self) -> None:
        """A new run begins, with all of its rounds to spend."""
        self._rounds.taken = 0

    def take_round(self) -> None:
        """One more round of a loop. Raise EmulatorError if the run has taken all that it may."""
        if self._rounds.taken >= self.loop_limit:
            allowed = "raise loop_limit to allow more"
            raise EmulatorError(f"the loops of {self.label} take more than {self.loop_limit} rounds; {allowed}")
        self._rounds.taken += 1

    def room(self, shape: Sequence[int | None], itemsize: int = 4) -> None:
        """Raise EmulatorError if a tensor of *shape* is beyond the memory limit. Ask before it is made."""
        if any(size is not None and size < 0 for size in shape):
            raise EmulatorError(f"{self.label} is malformed: a tensor of shape {tuple(shape)}")
        if math.prod(1 if size is None else size for size in shape) * itemsize > self.memory_limit:
            allowed = f"allowed: {self.memory_limit} bytes; raise memory_limit to allow more"
            raise EmulatorError(f"{self.label} makes a tensor of shape {tuple(shape)}; {allowed}")


def carrier(dtype: Any) -> np.dtype[Any]:
    """The type that holds values of *dtype* in the graph: float32, int32 or bool; what is no number stays itself."""
    kind = np.dtype(dtype).kind
    return np.dtype({"f": np.float32, "b": np.bool_, "O": np.object_}.get(kind, np.int32))


def ints(values: Any) -> np.ndarray:
    """ONNX takes shapes, axes and pads as int64 vectors."""
    return np.asarray(values, np.int64).reshape(-1)
