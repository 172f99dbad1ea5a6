"""What a lowering function is handed: an operation, with its arguments as tensors or as constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UnsupportedOperationError
from .graph import Graph, Tensor, carrier


class Constants:
    """Constant values of a program, each decompressed once and stored once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._tensors: dict[int, Tensor] = {}
        self._keep: list[Any] = []  # ids of live objects stay unique

    def value(self, var: Any) -> Any:
        """The value of a PyMIL variable known before the program runs, or None."""
        if var.val is not None:
            return var.val
        operation = var.op
        if operation is not None and operation.op_type.startswith("constexpr_"):
            values = operation.materialized_val_inference()
            return values[operation.outputs.index(var)] if isinstance(values, tuple) else values
        return None

    def tensor(self, var: Any) -> Tensor:
        """The same as a graph constant."""
        if id(var) not in self._tensors:
            value = np.asarray(self.value(var))
            self._tensors[id(var)] = self._graph.constant(value, carrier(value.dtype))
            self._keep.append(var)
        return self._tensors[id(var)]


class Call:
    """One operation of an ML program while it is lowered."""

    def __init__(self, operation: Any, graph: Graph, env: dict[Any, Tensor], constants: Constants) -> None:
        self.operation = operation
        self.graph = graph
        self._env = env
        self._constants = constants

    def has(self, name: str) -> bool:
        """Whether the argument is given (or has a default)."""
        return self.operation.inputs.get(name) is not None

    def tensor(self, name: str) -> Tensor:
        """The argument *name* as a tensor."""
        return self._tensor(self.operation.inputs[name])

    def tensors(self, name: str) -> list[Tensor]:
        """The argument *name*, which is a tuple of values."""
        return [self._tensor(var) for var in self.operation.inputs[name]]

    def optional(self, name: str) -> Tensor | None:
        """The argument as a tensor, or None if it is not given."""
        return self.tensor(name) if self.has(name) else None

    def known(self, name: str, default: Any = None) -> Any:
        """The argument's value if it is known before the program runs, *default* if it is not given, else None."""
        return self._constants.value(self.operation.inputs[name]) if self.has(name) else default

    def value(self, name: str, default: Any = None) -> Any:
        """The argument's value, which must be known before the program runs.

        Raises UnsupportedOperationError if it depends on data.
        """
        found = self.known(name, default)
        if found is None and self.has(name):
            raise self.unsupported(f"argument {name!r} must be constant")
        return found

    def axes(self, name: str, rank: int) -> list[int]:
        """An argument of axes as non-negative numbers; every axis if it is not given."""
        given = self.value(name)
        axes = range(rank) if given is None else np.asarray(given).reshape(-1)
        return [int(axis) % max(rank, 1) for axis in axes]

    @property
    def out_dtype(self) -> np.dtype[Any]:
        """The NumPy type that the program declares for the first output."""
        return declared_dtype(self.operation.outputs[0])

    @property
    def out_shape(self) -> tuple[int, ...]:
        """The static shape of the first output."""
        shape = self.operation.outputs[0].shape
        if not all(isinstance(size, (int, np.integer)) or float(size).is_integer() for size in shape):
            raise self.unsupported("its shape depends on data")
        return tuple(int(size) for size in shape)

    def unsupported(self, reason: str) -> UnsupportedOperationError:
        """The error to raise when a variant of the operation is not lowered."""
        what = f"{self.operation.op_type!r} ({self.operation.outputs[0].name!r})"
        return UnsupportedOperationError(f"the emulator does not run operation {what}: {reason}")

    def _tensor(self, var: Any) -> Tensor:
        return self._env[var] if var in self._env else self._constants.tensor(var)


def declared_dtype(var: Any) -> np.dtype[Any]:
    """The NumPy type of a PyMIL variable."""
    from coremltools.converters.mil.mil import types

    found: np.dtype[Any] = np.dtype(types.nptype_from_builtin(var.dtype))
    return found
