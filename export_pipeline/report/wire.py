"""Messages of protocol buffers without their library: numbers of fields and what they hold.

Format: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import struct
from typing import Any


def fields(data: bytes) -> dict[int, Any]:
    """The fields of the message *data* by number: int, float, or bytes. Of equal numbers the last counts.

    Raises:
        ValueError: it is no message.
    """
    found: dict[int, Any] = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("field 0")
        if kind == 0:
            found[number], at = _varint(data, at)
        elif kind in (1, 5):
            size, form = (8, "<d") if kind == 1 else (4, "<f")
            found[number], at = struct.unpack(form, _part(data, at, size))[0], at + size
        elif kind == 2:
            size, at = _varint(data, at)
            found[number], at = _part(data, at, size), at + size
        else:
            raise ValueError(f"wire type {kind}")
    return found


def _part(data: bytes, at: int, size: int) -> bytes:
    part = data[at : at + size]
    if len(part) < size:
        raise ValueError("cut off")
    return part


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The integer at *at*, and where it ends."""
    value = 0
    for index, byte in enumerate(data[at : at + 10]):
        value |= (byte & 127) << (7 * index)
        if byte < 128:
            return value, at + index + 1
    raise ValueError("an integer without an end")
