"""Checks the weight files of an ML program before native code maps them.

A weight file (version 2) is a 64-byte header, then for each blob a 64-byte record that says where its data lies.
A program names blobs by file and by the position of the record.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import EmulatorError

_PREFIX = "@model_path/"
_SENTINEL = 0xDEADBEEF
_RECORD = struct.Struct("<IIQQ")  # sentinel, type, size in bytes, position of the data


def check_blobs(program: Any, weights_dir: Path | None, label: str) -> None:
    """Raise EmulatorError unless every blob that *program* names lies whole inside *weights_dir*."""
    sizes: dict[str, int] = {}
    for reference in _references(program):
        path = _resolve(reference.fileName, weights_dir, label)
        if reference.fileName not in sizes:
            sizes[reference.fileName] = path.stat().st_size
        _check_record(path, int(reference.offset), sizes[reference.fileName], label)


def _references(message: Any) -> Iterator[Any]:
    """Every BlobFileValue in a protobuf of an ML program."""
    for function in message.functions.values():
        blocks = list(function.block_specializations.values())
        while blocks:
            block = blocks.pop()
            for operation in block.operations:
                blocks.extend(operation.blocks)
                values = list(operation.attributes.values())
                for argument in operation.inputs.values():
                    values += [binding.value for binding in argument.arguments if binding.HasField("value")]
                yield from (value.blobFileValue for value in values if value.HasField("blobFileValue"))


def _resolve(name: str, weights_dir: Path | None, label: str) -> Path:
    parts = name.removeprefix(_PREFIX).split("/")
    # coremltools reads the last part of the name inside the weights directory, so nothing else can be meant.
    if not name.startswith(_PREFIX) or len(parts) != 2 or parts[0] != "weights" or parts[1] in ("", ".", ".."):
        allowed = f"{_PREFIX}weights/FILE"
        raise EmulatorError(f"{label} names a weight file outside the package: {name!r}; allowed: {allowed}")
    if weights_dir is None:
        raise EmulatorError(f"{label} keeps its weights in a file of their own, so it must be an .mlpackage directory")
    path = weights_dir / parts[1]
    try:
        there = path.is_file()
    except (OSError, ValueError):  # too long, a null character, half of a surrogate pair
        raise EmulatorError(f"{label} names a weight file that cannot be: {parts[1][:80]!a}") from None
    if not there:
        raise EmulatorError(f"{label} is damaged: its weight file {f'weights/{parts[1]}'!r} is missing")
    # The package itself may be reached through a link; a weight file that is one leads somewhere else.
    if path.is_symlink() or weights_dir.is_symlink():
        raise EmulatorError(f"{label} is refused: its weight file weights/{parts[1]} is a link out of the package")
    return path


def _check_record(path: Path, offset: int, size: int, label: str) -> None:
    file_name = f"weights/{path.name}"
    damaged = EmulatorError(f"{label} is damaged: its weight file {file_name} is truncated or not a weight file")
    try:
        with path.open("rb") as file:
            file.seek(min(offset, size))
            record = file.read(_RECORD.size)
    except OSError as error:
        raise EmulatorError(f"{label}: its weight file {file_name} cannot be read: {error.strerror}") from None
    if len(record) < _RECORD.size:
        raise damaged
    sentinel, _, length, position = _RECORD.unpack(record)
    if sentinel != _SENTINEL or position + length > size:
        raise damaged
