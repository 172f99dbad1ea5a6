"""The numbers that a model of any kind stores, gathered by the fields of the protobuf that hold them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..program import Source

_TYPES: dict[str, np.dtype[Any]] = {"double": np.dtype(np.float64), "float": np.dtype(np.float32)}
_DEEPEST = 16


def stored_numbers(source: Source) -> list[tuple[str, np.ndarray, str, int, int]]:
    """Name, values in a row, stored type, bits and bytes of each field with more than one floating-point number."""
    found: dict[str, tuple[np.dtype[Any], list[float]]] = {}
    for name, dtype, numbers in _fields(getattr(source.spec, source.kind), "", 0):
        found.setdefault(name, (dtype, []))[1].extend(numbers)
    return [
        (name, np.array(numbers, dtype), str(dtype), dtype.itemsize * 8, dtype.itemsize * len(numbers))
        for name, (dtype, numbers) in found.items()
        if len(numbers) > 1
    ]


def _fields(message: Any, prefix: str, depth: int) -> Iterator[tuple[str, np.dtype[Any], list[float]]]:
    for field, value in message.ListFields() if depth < _DEEPEST else ():
        name = prefix + field.name
        many = hasattr(value, "__len__") and not isinstance(value, str | bytes)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        if field.message_type is not None:
            for item in value if many else [value]:
                yield from _fields(item, f"{name}.", depth + 1)
        elif field.cpp_type in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
            dtype = _TYPES["double" if field.cpp_type == field.CPPTYPE_DOUBLE else "float"]
            yield name, dtype, list(value) if many else [value]
