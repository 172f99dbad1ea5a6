"""What the writers of Core ML and ONNX files share: both formats are protobuf messages."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator
from typing import Any


def replace(repeated: Any, items: list[Any]) -> None:
    """Let the field *repeated* of a message hold copies of *items*, which may be its own."""
    copies = [type(item).FromString(item.SerializeToString()) for item in items]
    del repeated[:]
    repeated.extend(copies)


def short_names() -> Iterator[str]:
    """``a`` .. ``Z``, then two letters, and so on: the shortest identifiers, always in the same order."""
    for length in itertools.count(1):
        yield from map("".join, itertools.product(string.ascii_letters, repeat=length))
