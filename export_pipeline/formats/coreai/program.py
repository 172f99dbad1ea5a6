"""A Core AI program under construction. It runs in the worker, for it imports Apple's library.

Values are those of the compiler's Python bindings. The public facade puts the file and line of each call into the
program, and takes no port names that are not Python's; so the operations are made through the bindings below it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.formats.coreai import bytecode
from export_pipeline.formats.coreai.functions import Functions, Part
from export_pipeline.formats.coreai.storage import Storage
from export_pipeline.formats.coreai.tensor import FIRST_TO_LAST, LAST_TO_FIRST, Tensor, held_axis, placed

FUNCTION = "main"
# Bytes from which on a constant lies beside the program.
_LARGE = 64


class Program:
    """Operations on tensors, each a line or two.

    Args:
        storage: how kernels are held.
        compute: the type of the arithmetic, ``float16`` or ``float32``.
        counts: how often each part occurs that may be a function of its own, see :class:`Functions`.
    """

    def __init__(self, storage: Storage, compute: str, counts: Counter[Hashable] | None = None) -> None:
        from coreai._compiler.context import Context
        from coreai._compiler.dialects import coreai as operations
        from coreai._compiler.ir import Location, Module

        self.ops: Any = operations
        self.storage, self.compute = storage, np.dtype(compute)
        self._context = Context()._mlir_context
        self._resources = 0
        self._kernels: dict[tuple[tuple[int, ...], bytes, int], Any] = {}
        with self._context, Location.unknown():
            self._module = Module.create()
        self.functions = Functions(self._module, counts)

    # The whole

    def write(self, path: Path) -> None:
        """Write the program."""
        with self._context:
            bytecode.write(self._module, path)

    def make(self, network: dict[str, Any], build: Any) -> None:
        """Make the function of *network*, whose tensors *build* gives for its inputs."""
        from coreai._compiler.ir import InsertionPoint, Location
        from coreai.authoring.graph_builder import GraphOp

        inputs, outputs = network["ports"]
        with self._context, Location.unknown(), InsertionPoint(self._module.body):
            types = [self._type(port["shape"], port.get("dtype", "float32")) for port in inputs]
            graph = GraphOp(FUNCTION, types, [], [port["name"] for port in inputs], [])
            with graph.block:
                given = [Tensor(value) for value in graph.arguments]
                made = build(self, [self.computed(each) if "float" in each.dtype else each for each in given])
                values = [self.last(self._given(tensor, port)) for tensor, port in zip(made, outputs, strict=True)]
                self.ops.output(values)
            names = [port["name"] for port in outputs]
            graph.outputs_spec = list(zip(names, values, strict=True))

    def _given(self, tensor: Tensor, port: dict[str, Any]) -> Tensor:
        tensor = self.cast(tensor, port.get("dtype", "float32"))
        return self.reshape(tensor, port["shape"]) if list(tensor.shape) != list(port["shape"]) else tensor

    def _type(self, shape: Sequence[int], dtype: Any) -> Any:
        from coreai.authoring import TensorSpec

        return TensorSpec(tuple(shape), np.dtype(dtype).type)._to_mlir_type()

    def _element(self, dtype: Any) -> Any:
        return self._type((), dtype).element_type

    def part(self, kind: Hashable, part: Part, *tensors: Tensor) -> Tensor:
        """What *part* gives for *tensors*; written once if it occurs more often, see :meth:`Functions.called`."""
        return self.functions.called(kind, part, tensors)

    # Constants

    def constant(self, values: Any, dtype: Any = None) -> Any:
        """A constant; floats become those of the arithmetic.

        Raises:
            ValueError: a number is beyond them.
        """
        array = np.asarray(values)
        wanted = dtype or (self.compute if array.dtype.kind == "f" else array.dtype)
        with np.errstate(over="ignore"):
            made = np.array(array, wanted, order="C")
        if made.dtype.kind == "f" and not np.isfinite(made).all():
            raise ValueError(f"a weight of {np.abs(array).max():g} is beyond {made.dtype.name}, or is no number")
        if made.size > 1 and (made.reshape(-1)[0] == made).all():
            return self._repeated(made)
        if made.nbytes < _LARGE:
            return self.ops.constant(made)
        return self.resource(made, made.shape, self._element(made.dtype))

    def _repeated(self, values: np.ndarray) -> Any:
        """A constant of one value only, which is stored once."""
        from coreai._compiler.dialects._coreai_ops_gen import ConstantOp
        from coreai._compiler.ir import DenseElementsAttr

        one = self.ops.constant(values.reshape(-1)[:1]).owner.attributes["value"]
        kind = self._type(values.shape, values.dtype)
        return ConstantOp(value=DenseElementsAttr.get_splat(kind, one.get_splat_value())).result

    def resource(self, content: np.ndarray, shape: Sequence[int], element: Any) -> Any:
        """A constant whose bytes lie beside the program, under a short name: Apple's own has twenty digits."""
        from coreai._compiler.dialects._coreai_ops_gen import ConstantOp
        from coreai._compiler.ir import DenseResourceElementsAttr, RankedTensorType

        kind = RankedTensorType.get(list(shape), element)
        self._resources += 1
        held = DenseResourceElementsAttr.get_from_buffer(content.reshape(-1), str(self._resources), kind)
        return ConstantOp(value=held).result

    def whole(self, values: Any, signed: bool = False, dtype: Any = None) -> Any:
        """A constant of whole numbers, such as strides.

        In 32 bits: the runtime ends its process on some of the 16-bit ones that the dialect allows.
        """
        return self.ops.constant(np.asarray(values, dtype or (np.int32 if signed else np.uint32)))

    def kernel(self, values: np.ndarray, outputs: int | None = None) -> Any:
        """What a layer multiplies by, held as the target says: ``(out, in, height, width)``, or ``(in, out)``.

        *outputs* is the axis of the output channels, where it is another.
        """
        axis = outputs if outputs is not None else 0 if values.ndim == 4 else values.ndim - 1
        key = (values.shape, values.tobytes(), axis)
        if key not in self._kernels:
            self._kernels[key] = self.storage.stored(self, values, axis)
        return self._kernels[key]

    # Layout and shape

    def first(self, tensor: Tensor) -> Any:
        """The value with its channels before its other axes."""
        rank = len(tensor.held)
        return tensor.value if tensor.first or rank < 3 else self.transposed(tensor.value, LAST_TO_FIRST[rank])

    def turned(self, tensor: Tensor) -> Tensor:
        """*tensor* with its channels before its other axes."""
        return Tensor(self.first(tensor), len(tensor.held) > 2)

    def last(self, tensor: Tensor) -> Any:
        """The value with its channels after its other axes."""
        return self.transposed(tensor.value, FIRST_TO_LAST[len(tensor.held)]) if tensor.first else tensor.value

    def transposed(self, value: Any, order: Sequence[int]) -> Any:
        """*value* with its axes in this *order*."""
        return self.ops.transpose(value, self.whole(order))

    def reshaped(self, value: Any, shape: Sequence[int]) -> Any:
        """*value* in another *shape*."""
        if tuple(value.type.shape) == tuple(shape):
            return value
        return self.ops.reshape(value, self.whole(shape, signed=True))

    def reshape(self, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        """*tensor* in another *shape*, its values in the order of channels last."""
        return Tensor(self.reshaped(self.last(tensor), shape))

    def cast(self, tensor: Tensor, dtype: Any) -> Tensor:
        """*tensor* in another type."""
        if tensor.dtype == np.dtype(dtype).name:
            return tensor
        return Tensor(self.ops.cast(tensor.value, np.dtype(dtype).type), tensor.first)

    def computed(self, tensor: Tensor) -> Tensor:
        """*tensor* in the type of the arithmetic."""
        return self.cast(tensor, self.compute)

    def cut(self, tensor: Tensor, starts: Sequence[int], stops: Sequence[int], steps: Sequence[int] = ()) -> Tensor:
        """The part of *tensor* from *starts* to *stops*, by *steps* or all, for each axis with the channels last."""
        if not any(starts) and tuple(stops) == tensor.shape and not steps:
            return tensor
        ends = (placed(tensor, each) for each in (starts, stops, steps or [1] * len(starts)))
        return Tensor(self.sliced(tensor.value, *ends), tensor.first)

    def sliced(self, value: Any, starts: Sequence[int], stops: Sequence[int], steps: Sequence[int] = ()) -> Any:
        """*value* from *starts* to *stops* of each axis, by *steps* or all."""
        ends = (starts, stops, steps or [1] * len(starts))
        return self.ops.slice_(value, *(self.whole(numbers, signed=True) for numbers in ends))

    def pad(
        self, tensor: Tensor, pairs: Sequence[tuple[int, int]], value: float = 0.0, mode: str = "constant"
    ) -> Tensor:
        """*tensor* with more around it: a pair of numbers for each axis, with the channels last."""
        if not any(before or after for before, after in pairs):
            return tensor
        numbers = np.asarray(placed(tensor, pairs)).reshape(-1)
        filled = self.constant(value, np.dtype(tensor.dtype))
        return Tensor(self.ops.pad(tensor.value, self.whole(numbers), filled, mode), tensor.first)

    def concat(self, tensors: Sequence[Tensor], axis: int) -> Tensor:
        """*tensors* side by side along an *axis*, with the channels last."""
        alike = self.alike(*tensors)
        place = self.whole(held_axis(alike[0], axis), signed=True)
        return Tensor(self.ops.concat(place, [each.value for each in alike]), alike[0].first)

    def alike(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """*tensors* in one layout: that with the channels first, where one of them has it."""
        if any(tensor.first for tensor in tensors):
            return tuple(map(self.turned, tensors))
        return tensors

    # Arithmetic

    def binary(self, name: str, one: Tensor, other: Tensor) -> Tensor:
        """``add``, ``sub``, ``mul``, ``divide``, ``maximum``, ``minimum`` or ``pow_``, one broadcast to the other."""
        rank = max(len(one.held), len(other.held))
        one, other = self.alike(*(self._of_rank(tensor, rank) for tensor in (one, other)))
        shape = np.broadcast_shapes(one.held, other.held)
        if any(self._is_constant(tensor) and tensor.held != shape for tensor in (one, other)):
            # Spread by the operation itself: of a constant and its spreading, Apple's writer makes a larger constant.
            return Tensor(getattr(self.ops, f"broadcasting_{name}")(one.value, other.value), one.first)
        values = [self.spread(tensor.value, shape) for tensor in (one, other)]
        return Tensor(getattr(self.ops, name)(*values), one.first)

    def _is_constant(self, tensor: Tensor) -> bool:
        owner = tensor.value.owner
        return getattr(owner, "name", "") == "coreai.constant"

    def _of_rank(self, tensor: Tensor, rank: int) -> Tensor:
        missing = rank - len(tensor.held)
        return tensor if not missing else self.reshape(tensor, (1,) * missing + tensor.shape)

    def spread(self, value: Any, shape: Sequence[int]) -> Any:
        """*value* repeated along axes of one to *shape*, of the same rank."""
        held = tuple(value.type.shape)
        axes = [axis for axis, (own, wanted) in enumerate(zip(held, shape, strict=True)) if own != wanted]
        if not axes:
            return value
        return self.ops.broadcast_in_dims(
            value, self.whole([shape[axis] for axis in axes]), self.whole(axes, signed=True)
        )

    def number(self, tensor: Tensor, value: float) -> Tensor:
        """A constant of one value in the shape of *tensor*, which takes no more bytes than a single number."""
        return Tensor(self.constant(np.broadcast_to(value, tensor.held), np.dtype(tensor.dtype)), tensor.first)

    def channels(self, tensor: Tensor, values: np.ndarray) -> Tensor:
        """A constant of a value for each channel of *tensor*, in its type."""
        shape = [1] * len(tensor.held)
        shape[1 if tensor.first else -1] = -1
        return Tensor(self.constant(np.reshape(values, shape), np.dtype(tensor.dtype)), tensor.first)

    def scaled(self, tensor: Tensor, scale: float, offset: float = 0.0) -> Tensor:
        """``tensor * scale + offset``."""
        made = tensor if scale == 1 else self.binary("mul", tensor, self.number(tensor, scale))
        return made if offset == 0 else self.binary("add", made, self.number(made, offset))

    def unary(self, name: str, tensor: Tensor) -> Tensor:
        """An operation on each value, such as ``relu``."""
        return Tensor(getattr(self.ops, name)(tensor.value), tensor.first)

    def mean(self, tensor: Tensor, axes: Sequence[int]) -> Tensor:
        """The mean over *axes*, with the channels last, each of which keeps a length of one.

        As a sum, for the mean of the dialect brings the count of its values along as thirty operations.
        """
        summed = self.sum_over(tensor, axes)
        share = np.prod(summed.held) / np.prod(tensor.held)
        return self.scaled(summed, float(share))

    def maximum_over(self, tensor: Tensor, axes: Sequence[int]) -> Tensor:
        """The largest over *axes*, likewise."""
        return self._reduced("reduce_max", tensor, axes)

    def sum_over(self, tensor: Tensor, axes: Sequence[int]) -> Tensor:
        """The sum over *axes*, likewise."""
        return self._reduced("reduce_sum", tensor, axes)

    def _reduced(self, name: str, tensor: Tensor, axes: Sequence[int]) -> Tensor:
        places = sorted(held_axis(tensor, axis) for axis in axes)
        value = getattr(self.ops, name)(tensor.value, self.whole(places, signed=True))
        kept = [1 if place in places else length for place, length in enumerate(tensor.held)]
        return Tensor(self.reshaped(value, kept), tensor.first)

    def reversed(self, tensor: Tensor, axis: int) -> Tensor:
        """*tensor* backwards along *axis*, with the channels last."""
        return Tensor(self.ops.reverse(tensor.value, self.whole([held_axis(tensor, axis)], signed=True)), tensor.first)

    def matmul(self, one: Any, other: Any) -> Any:
        """The product of matrices, those of *other* for each of *one*."""
        return self.ops.batch_matmul(one, other)
