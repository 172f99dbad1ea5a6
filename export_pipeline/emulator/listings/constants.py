"""Constants of an ML program in words, with the way in which each is compressed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .nouns import Value, times

_FEW = 8  # values that are written out
_IN_BYTES = ("float16", "int8", "int16", "uint8", "uint16")  # types of NumPy's own that a file keeps as bytes
Operation = Any
Proto = Any


def value_of(named: Proto) -> Value:
    """A ``NamedValueType`` as a noun."""
    return Value(str(named.name), *_type(named.type))


def _type(value_type: Proto) -> tuple[str, tuple[int | None, ...] | None]:
    kind = value_type.WhichOneof("type")
    if kind == "tensorType":
        return dtype_name(value_type.tensorType.dataType), _shape(value_type.tensorType)
    if kind == "stateType":
        dtype, shape = _type(value_type.stateType.wrappedType)
        return f"state of {dtype}", shape
    if kind == "listType":
        dtype, shape = _type(value_type.listType.type)
        return f"list of {dtype}", shape
    return str(kind or "unknown").removesuffix("Type"), None


def _shape(tensor: Proto) -> tuple[int | None, ...] | None:
    dimensions = list(tensor.dimensions)
    if any(d.WhichOneof("dimension") == "unknown" and d.unknown.variadic for d in dimensions):
        return None
    return tuple(int(d.constant.size) if d.WhichOneof("dimension") == "constant" else None for d in dimensions)


def dtype_name(code: int) -> str:
    """A ``DataType`` of MIL.proto as NumPy names it, such as ``float16`` or ``uint4``."""
    from ..coremltools_quietly import coremltools

    known = coremltools().proto.MIL_pb2.DataType
    return str(known.Name(code)).lower() if code in known.values() else f"type {code}"


def bits_of(dtype: str) -> int:
    """Bits of one value of a type such as ``uint4``; a truth value takes a byte."""
    if dtype.startswith("float8"):
        return 8
    return int("".join(letter for letter in dtype if letter.isdigit()) or 8)


class Constants:
    """The constants that the operations of one function have made so far."""

    def __init__(self) -> None:
        self._values: dict[str, Proto] = {}
        self._packed: dict[str, Operation] = {}
        self._counted: set[str] = set()

    def take(self, operation: Operation) -> bool:
        """Note *operation* if it makes a constant, and tell whether it does."""
        if operation.type == "const":
            self._values[operation.outputs[0].name] = operation.attributes["val"]
        elif operation.type.startswith("constexpr_"):
            self._packed.update((output.name, operation) for output in operation.outputs)
        else:
            return False
        return True

    def words(self, bindings: Iterable[Proto]) -> str:
        """One argument in words: names, short constants, and longer ones by type, shape and compression."""
        found = [self._one(binding) for binding in bindings]
        return found[0] if len(found) == 1 else f"({', '.join(found)})"

    def bytes(self, bindings: Iterable[Proto]) -> int:
        """What the weights in one argument take in the file, those left out that were counted before."""
        total = 0
        for name in (binding.name for binding in bindings if binding.WhichOneof("binding") == "name"):
            if name in self._packed:
                total += self._packed_bytes(self._packed[name])
            elif name in self._values and name not in self._counted:
                self._counted.add(name)
                total += _weight_bytes(self._values[name])
        return total

    @property
    def blockwise(self) -> int:
        """How many of them have scales for each block."""
        operations = {id(operation): operation for operation in self._packed.values()}.values()
        kinds = ("constexpr_blockwise_shift_scale", "constexpr_sparse_blockwise_shift_scale")
        return sum(o.type in kinds and "blockwise" in self.compression(o) for o in operations)

    def _one(self, binding: Proto) -> str:
        if binding.WhichOneof("binding") == "value":
            return _constant(binding.value)
        name = str(binding.name)
        if name in self._values:
            return _constant(self._values[name])
        if name not in self._packed:
            return name
        operation = self._packed[name]
        dtype, shape = _type(next(output.type for output in operation.outputs if output.name == name))
        return f"<{dtype} {times(shape)}, {self.compression(operation)}>"

    def compression(self, operation: Operation) -> str:
        """How the result of a ``constexpr`` operation is stored, in words."""
        kind = operation.type.removeprefix("constexpr_")
        if kind == "affine_dequantize":
            per = "per-channel" if np.prod(self._shape_of(operation, "scale"), initial=1) > 1 else "per-tensor"
            return f"{self._dtype_of(operation, 'quantized_data')} {per} affine"
        if kind == "cast":
            return f"stored as {self._dtype_of(operation, 'source_val')}"
        if kind in ("blockwise_shift_scale", "sparse_blockwise_shift_scale"):
            return self._blockwise(operation, "nonzero_data" if kind.startswith("sparse") else "data")
        if kind in ("lut_to_dense", "lut_to_sparse"):
            return self._palettized(operation)
        if kind == "sparse_to_dense":
            return self._sparse(operation)
        return str(kind).replace("_", " ")

    def _blockwise(self, operation: Operation, data: str) -> str:
        packed = self._source(operation, data)
        dtype = self._dtype_of(operation, data) if packed is None else self.compression(packed)
        scale = self._shape_of(operation, "scale")
        # What is sparse is stored flat; its shape is the mask's.
        whole = self._shape_of(operation, data if data == "data" else "data_mask")
        pairs = list(zip(whole, scale, strict=True)) if len(whole) == len(scale) else []
        blocks = [size // count for size, count in pairs if 1 < count < size]
        if blocks:
            return f"{dtype} blockwise affine (blocks of {times(blocks)})"
        long = sum(count > 1 for count in scale)
        return f"{dtype} {('per-tensor', 'per-channel')[long] if long < 2 else 'blockwise'} affine"

    def _palettized(self, operation: Operation) -> str:
        table = self._shape_of(operation, "lut")
        entries = int(table[-2] if len(table) > 1 else (table or (1,))[-1])
        parts = [f"{entries} entries"]
        if (tables := int(np.prod(table[:-2], initial=1))) > 1:
            parts.append(f"{tables} tables")
        if len(table) > 1 and table[-1] > 1:
            parts.append(f"vectors of {table[-1]}")
        packed = self._source(operation, "lut")
        if packed is not None:
            parts.append(f"table {self.compression(packed)}")
        return f"{max(1, int(np.ceil(np.log2(max(entries, 2)))))}-bit palettized ({', '.join(parts)})"

    def _sparse(self, operation: Operation) -> str:
        _, shape = _type(operation.outputs[0].type)
        total = int(np.prod([size or 1 for size in shape or ()], initial=1))
        packed = self._source(operation, "nonzero_data")
        words = f"{100 * (1 - self._nonzero(operation) / max(total, 1)):.0f}% sparse"
        return f"{words}, {self.compression(packed)}" if packed is not None else words

    def _nonzero(self, operation: Operation) -> int:
        """How many values a sparse constant stores."""
        name = "indices_nonzero_data" if "lut" in operation.type else "nonzero_data"
        packed = self._source(operation, name)
        return self._nonzero(packed) if packed is not None else int(np.prod(self._shape_of(operation, name), initial=1))

    def _part(self, operation: Operation, name: str) -> Proto | None:
        """An argument of a constant: its value, or the binding of another operation's result."""
        if name in operation.attributes:
            return operation.attributes[name]
        if name not in operation.inputs or not operation.inputs[name].arguments:
            return None
        binding = operation.inputs[name].arguments[0]
        if binding.WhichOneof("binding") == "value":
            return binding.value
        return self._values.get(binding.name)

    def _source(self, operation: Operation, name: str) -> Operation | None:
        """The operation that unpacks an argument of a constant, if there is one."""
        if name not in operation.inputs or not operation.inputs[name].arguments:
            return None
        return self._packed.get(operation.inputs[name].arguments[0].name)

    def _dtype_of(self, operation: Operation, name: str) -> str:
        part = self._part(operation, name)
        return _type(part.type)[0] if part is not None else ""

    def _shape_of(self, operation: Operation, name: str) -> tuple[int, ...]:
        part, packed = self._part(operation, name), self._source(operation, name)
        if packed is not None:
            part_type = next(o.type for o in packed.outputs if o.name == operation.inputs[name].arguments[0].name)
        elif part is not None:
            part_type = part.type
        else:
            return ()
        return tuple(size or 0 for size in _type(part_type)[1] or ())

    def _packed_bytes(self, operation: Operation) -> int:
        key = operation.outputs[0].name
        if key in self._counted:
            return 0
        self._counted.add(key)
        total = 0
        for name in {*operation.attributes, *operation.inputs} - {"name"}:
            packed, part = self._source(operation, name), self._part(operation, name)
            total += self._packed_bytes(packed) if packed is not None else 0 if part is None else _bytes(part)
        return total


def _weight_bytes(value: Proto) -> int:
    dtype, shape = _type(value.type)
    return _bytes(value) if "float" in dtype and np.prod([size or 0 for size in shape or ()]) > 1 else 0


def _bytes(value: Proto) -> int:
    dtype, shape = _type(value.type)
    if dtype == "string" or shape is None:
        return 0
    return (int(np.prod([size or 0 for size in shape], initial=1)) * bits_of(dtype) + 7) // 8


def _constant(value: Proto) -> str:
    """A constant written out if it is short, else its type."""
    dtype, shape = _type(value.type)
    if value.WhichOneof("value") == "immediateValue" and value.immediateValue.WhichOneof("value") == "tensor":
        tensor = value.immediateValue.tensor
        field = tensor.WhichOneof("value")
        if field == "bytes":
            raw = tensor.bytes.values
            numbers: list[Any] = list(np.frombuffer(raw, dtype)) if dtype in _IN_BYTES and len(raw) <= 2 * _FEW else []
        else:
            numbers = list(getattr(tensor, field).values) if field else []
        if 0 < len(numbers) <= _FEW:
            written = [_number(number) for number in numbers]
            return written[0] if not shape else f"[{', '.join(written)}]"
    return f"<{' '.join(filter(None, [dtype, times(shape)]))}>"


def _number(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.encode("unicode_escape").decode()[:40] + '"'
    return str(value).lower() if isinstance(value, bool) else f"{float(value):.6g}"
