"""Making an ML Program small without changing what it computes.

A converter writes each parameter of each operation as a ``const`` of its own, under a long name that
is written three times, and each weight behind 64 bytes of header. On a network of a few thousand
weights that is more than the weights. What is left out here is what a runtime does not need: the
``name`` attribute of operations (not that of constants), which other writers of ML Programs, such as
the one in Chromium, leave out too, the record of the converter's versions, and repetition.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

from export_pipeline.errors import ExportError
from export_pipeline.export.protobuf import replace, short_names

# A value in the weight file costs 64 bytes of header and up to 63 of padding; below this many bytes it goes
# into the program, where it costs about 20. Larger ones stay where they are mapped and not parsed.
INLINE_BELOW = 1024
ALIGNMENT = 64
_METADATA = struct.Struct("<IIQQ")  # sentinel, data type, bytes, offset
_SENTINEL = 0xDEADBEEF
_FILE_NAME = "@model_path/weights/weight.bin"
# Types whose immediate values are raw bytes; of the others none is in the weight file of an iOS 16 program but fp32.
_RAW = ("FLOAT16", "INT8", "UINT8")


def shrink(program: Any, weights: bytes, output_name: str) -> bytes:
    """Shrink *program* (a ``MILSpec.Program``) in place.

    Args:
        program: one function, no control flow, one output.
        weights: the contents of its weight file.
        output_name: what to call the output; inputs keep their names.

    Returns:
        The contents of the new weight file. It holds at least the largest value.
    """
    (function,) = program.functions.values()
    block = function.block_specializations[function.opset]
    if any(operation.blocks for operation in block.operations) or len(block.outputs) != 1:
        raise ExportError("the ML Program has control flow or several outputs; a network with one image out is needed.")
    program.attributes.pop("buildInfo", None)
    shorter = _move_values(block, weights)
    _merge_constants(block)
    _rename(block, {value.name for value in function.inputs}, output_name)
    return shorter


def _move_values(block: Any, weights: bytes) -> bytes:
    """Bring small values from the weight file into the program, and write a weight file of the others."""
    values = [
        value for operation in block.operations for _, value in sorted(operation.attributes.items())
        if value.WhichOneof("value") == "blobFileValue"
    ]  # fmt: skip
    blobs = [_blob(weights, value.blobFileValue.offset) for value in values]
    largest = max((len(data) for _, data in blobs), default=0)
    kept = []
    for value, (kind, data) in zip(values, blobs, strict=True):
        if len(data) < min(INLINE_BELOW, largest) and _type_name(value) in _RAW:
            value.immediateValue.tensor.bytes.values = data
        else:
            kept.append((value, kind, data))
    return _write_blobs(kept)


def _blob(weights: bytes, at: int) -> tuple[int, bytes]:
    sentinel, kind, size, offset = _METADATA.unpack_from(weights, at)
    if sentinel != _SENTINEL:
        raise ExportError(f"the converter's weight file has no value at offset {at}; its format is not the known one.")
    return kind, weights[offset : offset + size]


def _write_blobs(values: list[tuple[Any, int, bytes]]) -> bytes:
    out = bytearray(struct.pack("<II", len(values), 2).ljust(ALIGNMENT, b"\0"))
    for value, kind, data in values:
        out.extend(b"\0" * (-len(out) % ALIGNMENT))
        at = len(out)
        out.extend(_METADATA.pack(_SENTINEL, kind, len(data), at + ALIGNMENT).ljust(ALIGNMENT, b"\0"))
        out.extend(data)
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


def _rename(block: Any, inputs: set[str], output_name: str) -> None:
    taken = inputs | {output_name}
    fresh = (name for name in short_names() if name not in taken)
    names = {block.outputs[0]: output_name}
    block.outputs[0] = output_name
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
