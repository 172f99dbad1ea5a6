"""Making an ML Program small without changing what it computes.

A converter writes each parameter of each operation as a ``const`` of its own, under a long name that
is written three times, and each weight after 64 bytes of header. On a network of a few thousand
weights that is more than the weights. What is left out here is what a runtime does not need: the
``name`` attribute of operations (not that of constants), which other writers of ML Programs, such as
the one in Chromium, leave out too, the record of the converter's versions, and repetition.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from export_pipeline.errors import ExportError
from export_pipeline.formats.protobuf import replace, short_names

# A value in the weight file costs 64 bytes of header and up to 63 of padding; below this many bytes it goes
# into the program, where it costs about 20. Larger ones stay where they are mapped and not parsed.
INLINE_BELOW = 1024
ALIGNMENT = 64
_METADATA = struct.Struct("<IIQQQ")  # sentinel, data type, bytes, offset, unused bits at the end
_SENTINEL = 0xDEADBEEF
_FILE_NAME = "@model_path/weights/weight.bin"
# Types whose immediate values are the same raw bytes as in the weight file: values of fewer than 8 bits are packed
# from the least significant bit of each byte on, there and here.
_RAW = ("FLOAT16", "INT8", "UINT8", "UINT1", "UINT2", "UINT3", "UINT4", "UINT6")


@dataclass(frozen=True)
class _Blob:
    """A value of the weight file: its bytes, their type as the file numbers types, and bits that fill the last one."""

    kind: int
    data: bytes
    padding: int


def shrink(program: Any, weights: bytes, outputs: Mapping[str, str]) -> bytes:
    """Shrink *program* (a ``MILSpec.Program``) in place.

    Args:
        program: one function, no control flow.
        weights: the contents of its weight file.
        outputs: what to call each output, by its name now; inputs keep their names.

    Raises:
        ExportError: the program has control flow, or gives one value under two names.

    Returns:
        The contents of the new weight file. It holds at least the largest value.
    """
    (function,) = program.functions.values()
    block = function.block_specializations[function.opset]
    if any(operation.blocks for operation in block.operations):
        raise ExportError("the ML Program has control flow; a network without loops and branches is needed.")
    if set(block.outputs) != set(outputs) or len(block.outputs) != len(outputs):
        raise ExportError(
            f"the ML Program gives {', '.join(block.outputs)}; {len(outputs)} different outputs are needed."
        )
    program.attributes.pop("buildInfo", None)
    shorter = _move_values(block, weights)
    _merge_constants(block)
    _rename(block, {value.name for value in function.inputs}, outputs)
    return shorter


def _move_values(block: Any, weights: bytes) -> bytes:
    """Bring small values from the weight file into the program, and write a weight file of the others."""
    values = [value for value in _values(block) if value.WhichOneof("value") == "blobFileValue"]
    blobs = [_blob(weights, value.blobFileValue.offset) for value in values]
    largest = max((len(blob.data) for blob in blobs), default=0)
    kept = []
    for value, blob in zip(values, blobs, strict=True):
        if len(blob.data) < min(INLINE_BELOW, largest) and _type_name(value) in _RAW:
            value.immediateValue.tensor.bytes.values = blob.data
        else:
            kept.append((value, blob))
    return _write_blobs(kept)


def _values(block: Any) -> Iterator[Any]:
    """Every value that an operation of *block* holds itself: in attributes, and since iOS 18 in inputs."""
    for operation in block.operations:
        yield from (value for _, value in sorted(operation.attributes.items()))
        for _, argument in sorted(operation.inputs.items()):
            yield from (binding.value for binding in argument.arguments if binding.WhichOneof("binding") == "value")


def _blob(weights: bytes, at: int) -> _Blob:
    sentinel, kind, size, offset, padding = _METADATA.unpack_from(weights, at)
    if sentinel != _SENTINEL:
        raise ExportError(f"the converter's weight file has no value at offset {at}; its format is not the known one.")
    return _Blob(kind, weights[offset : offset + size], padding)


def _write_blobs(values: list[tuple[Any, _Blob]]) -> bytes:
    out = bytearray(struct.pack("<II", len(values), 2).ljust(ALIGNMENT, b"\0"))
    for value, blob in values:
        out.extend(b"\0" * (-len(out) % ALIGNMENT))
        at = len(out)
        metadata = _METADATA.pack(_SENTINEL, blob.kind, len(blob.data), at + ALIGNMENT, blob.padding)
        out.extend(metadata.ljust(ALIGNMENT, b"\0"))
        out.extend(blob.data)
        value.blobFileValue.fileName, value.blobFileValue.offset = _FILE_NAME, at
    return bytes(out)


def _type_name(value: Any) -> str:
    tensor = value.type.tensorType
    return str(tensor.DESCRIPTOR.fields_by_name["dataType"].enum_type.values_by_number[tensor.dataType].name)


def _merge_constants(block: Any) -> None:
    """Let all users of equal constants share the first one."""
    first: dict[bytes, str] = {}
    same: dict[str, str] = {}
    operations = []
    for operation in block.operations:
        for binding in _bindings([operation]):
            binding.name = same.get(binding.name, binding.name)
        if operation.type == "const":
            key = operation.attributes["val"].SerializeToString(deterministic=True)
            name = operation.outputs[0].name
            same[name] = first.setdefault(key, name)
            if same[name] != name:
                continue
        operations.append(operation)
    replace(block.operations, operations)


def _rename(block: Any, inputs: set[str], outputs: Mapping[str, str]) -> None:
    taken = inputs | set(outputs.values())
    fresh = (name for name in short_names() if name not in taken)
    names = dict(outputs)
    block.outputs[:] = outputs.values()
    for operation in block.operations:
        for binding in _bindings([operation]):
            binding.name = names.get(binding.name, binding.name)
        for output in operation.outputs:
            output.name = names.get(output.name) or names.setdefault(output.name, next(fresh))
        if operation.type.startswith("const"):  # const and constexpr_*
            operation.attributes["name"].immediateValue.tensor.strings.values[:] = [operation.outputs[0].name]
        else:
            operation.attributes.pop("name", None)


def _bindings(operations: Iterable[Any]) -> Iterator[Any]:
    for operation in operations:
        for argument in operation.inputs.values():
            yield from (binding for binding in argument.arguments if binding.WhichOneof("binding") == "name")
