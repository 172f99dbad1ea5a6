"""What a lowering function is handed: an operation, with its arguments as tensors or as constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UnsupportedOperationError
from .graph import Graph, Options, Tensor, carrier
from .guard import DependsOnData

_JOINT = {
    "constexpr_blockwise_shift_scale": ("data", "scale", "offset"),
    "constexpr_lut_to_dense": ("indices", "lut", "vector_axis"),
    "constexpr_lut_to_sparse": ("indices_mask", "indices_nonzero_data", "lut", "vector_axis"),
    "constexpr_sparse_blockwise_shift_scale": ("data_mask", "nonzero_data", "scale", "offset"),
    "constexpr_sparse_to_dense": ("nonzero_data", "mask"),
}


class Weights:
    """Constant values of a program, each decompressed once and within the memory limit."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._values: dict[int, Any] = {}
        self._keep: list[Any] = []  # ids of live objects stay unique

    def value(self, var: Any) -> Any:
        """The value of a PyMIL variable known before the program runs, or None."""
        if var.val is not None:
            return var.val
        operation = var.op
        if operation is None or not operation.op_type.startswith("constexpr_"):
            return None
        if id(var) not in self._values:
            self._options.room(var.shape)
            values = self._decompressed(operation)
            self._values[id(var)] = values[operation.outputs.index(var)] if isinstance(values, tuple) else values
            self._keep.append(var)
        return self._values[id(var)]

    def _decompressed(self, operation: Any) -> Any:
        """By coremltools' own definitions, which leave out some of the ways to nest these operations."""
        given = {name: var for name, var in operation.inputs.items() if var is not None}
        names = _JOINT.get(operation.op_type, ())
        if all(var.val is not None for var in given.values()) or not set(given) <= set(names):
            return operation.materialized_val_inference()
        return operation.decompress(*(self.value(given[name]) if name in given else None for name in names))


class Constants:
    """The same as constants of one graph, each stored once."""

    def __init__(self, graph: Graph, weights: Weights) -> None:
        self._graph = graph
        self._weights = weights
        self._tensors: dict[int, Tensor] = {}

    def tensor(self, var: Any) -> Tensor:
        """A constant variable in the graph."""
        if id(var) not in self._tensors:
            value = np.asarray(self._weights.value(var))
            self._tensors[id(var)] = self._graph.constant(value, carrier(value.dtype))
        return self._tensors[id(var)]


class Call:
    """One operation of an ML program while it is lowered."""

    def __init__(self, operation: Any, graph: Graph, env: dict[Any, Tensor], constants: Constants, owner: Any) -> None:
        self.operation = operation
        self.graph = graph
        self.env = env
        self.owner = owner
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
        if not self.has(name):
            return default
        var = self.operation.inputs[name]
        if isinstance(var, (list, tuple)):
            return [self._known(element) for element in var]
        return self._known(var)

    def _known(self, var: Any) -> Any:
        found = self.owner.weights.value(var)
        return self.graph.value_of(self.env[var]) if found is None and var in self.env else found

    def value(self, name: str, default: Any = None) -> Any:
        """The argument's value, which must be known before the program runs.

        Raises DependsOnData otherwise: the operation is then lowered again when it is reached.
        """
        found = self.known(name, default)
        if found is None and self.has(name):
            var = self.operation.inputs[name]
            raise DependsOnData(f"argument {name!r} of {self.operation.op_type!r} depends on data", var)
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
        if not all(isinstance(size, (int, np.integer)) for size in shape):
            raise self.unsupported("its shape depends on data")
        return tuple(int(size) for size in shape)

    def unsupported(self, reason: str) -> UnsupportedOperationError:
        """The error to raise when a variant of the operation is not lowered."""
        what = f"{self.operation.op_type!r} ({self.operation.outputs[0].name!r})"
        return UnsupportedOperationError(f"the emulator does not run operation {what}: {reason}")

    def _tensor(self, var: Any) -> Tensor:
        return self.env[var] if var in self.env else self._constants.tensor(var)


def declared_dtype(var: Any) -> np.dtype[Any]:
    """The NumPy type of a PyMIL variable."""
    from coremltools.converters.mil.mil import types

    if types.is_dict(var.sym_type) or (types.is_scalar(var.sym_type) and var.dtype is types.str):
        return np.dtype(np.object_)
    kind = var.dtype if types.is_scalar(var.sym_type) or types.is_tensor(var.sym_type) else None
    if types.is_list(var.sym_type):
        kind = var.elem_type.get_primitive()
    elif types.is_state(var.sym_type):
        kind = var.sym_type.wrapped_type().get_primitive()
    found: np.dtype[Any] = np.dtype(types.nptype_from_builtin(kind))
    return found
