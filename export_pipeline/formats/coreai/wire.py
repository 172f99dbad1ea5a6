"""Messages between two processes: JSON and arrays, nothing that could run code."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

_MAGIC = b"caiw"
# More than any message of ours: what a damaged process sends must not fill the memory.
_MOST_HEADER, _MOST_ARRAYS = 1 << 28, 1 << 33
_TYPES = ("float16", "float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "bool")

Message = tuple[dict[str, Any], list[np.ndarray]]


def send(stream: BinaryIO, message: dict[str, Any], arrays: Sequence[np.ndarray] = ()) -> None:
    """Write *message* and *arrays*."""
    about = [{"dtype": array.dtype.name, "shape": array.shape} for array in arrays]
    header = json.dumps({"message": message, "arrays": about}).encode()
    stream.write(_MAGIC + len(header).to_bytes(8, "little") + header)
    for array in arrays:
        stream.write(np.ascontiguousarray(array).tobytes())
    stream.flush()


def receive(stream: BinaryIO) -> Message | None:
    """The next message; ``None`` at the end of the stream.

    Raises:
        ValueError: it is cut off or is none.
    """
    start = stream.read(len(_MAGIC) + 8)
    if not start:
        return None
    length = int.from_bytes(start[len(_MAGIC) :], "little")
    if start[: len(_MAGIC)] != _MAGIC or length > _MOST_HEADER:
        raise ValueError("what came is no message")
    header = json.loads(_exactly(stream, length))
    return header["message"], [_array(stream, about) for about in header["arrays"]]


def _array(stream: BinaryIO, about: dict[str, Any]) -> np.ndarray:
    shape = tuple(int(length) for length in about["shape"])
    if about["dtype"] not in _TYPES or any(length < 0 for length in shape):
        raise ValueError(f"no array is of {about['dtype']!r} {shape}")
    dtype = np.dtype(about["dtype"])
    count = math.prod(shape) * dtype.itemsize
    if count > _MOST_ARRAYS:
        raise ValueError(f"an array of {count:,} bytes is more than is taken")
    return np.frombuffer(_exactly(stream, count), dtype).reshape(shape)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise ValueError("a message is cut off")
    return data
