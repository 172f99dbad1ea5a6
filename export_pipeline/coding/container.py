"""One file of named tensors, read whole and proven whole before any of it is given out."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from export_pipeline.base.files import write_bytes
from export_pipeline.coding import forms
from export_pipeline.coding.forms import Tensor
from export_pipeline.coding.layout import Record, assemble, take_apart
from export_pipeline.errors import WeightsError

SUFFIX = ".weights"
MEMORY_LIMIT = 1 << 32

_T = TypeVar("_T")


def write(path: Path | str, tensors: Mapping[str, Tensor]) -> None:
    """Write *tensors* to *path*, whole or not at all. Equal tensors in equal order give equal bytes.

    Args:
        path: by custom it ends in ``.weights``.
        tensors: clustered ones, and arrays of floats and integers, by name. All are kept bit for bit.

    Raises:
        WeightsError: a name is empty, or an array is of a type that is not stored (bool, complex, object, ...).
        OutputError: the file cannot be written.
    """
    write_bytes(Path(path), to_bytes(tensors))


def read(path: Path | str, memory_limit: int = MEMORY_LIMIT) -> dict[str, np.ndarray]:
    """The arrays of a container, by name; clustered ones as float32.

    Args:
        path: a file of :func:`write`.
        memory_limit: the most bytes that all arrays together may take.

    Raises:
        WeightsError: the file is missing, foreign, of another version, truncated or damaged, or declares more
            than *memory_limit*. Nothing of it is returned then.
    """
    return _read(Path(path), forms.expand, memory_limit)


def read_coded(path: Path | str, memory_limit: int = MEMORY_LIMIT) -> dict[str, Tensor]:
    """What :func:`write` was given: tables and indices of clustered tensors, and arrays. Errors as of :func:`read`."""
    return _read(Path(path), forms.decode, memory_limit)


def records(path: Path | str) -> list[Record]:
    """How each tensor of a container is stored. Errors as of :func:`read`."""
    return _read_with(Path(path), lambda data: take_apart(data)[0])


def to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """The file that :func:`write` makes."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        encoded = list(pool.map(forms.encode, tensors, tensors.values()))
    return assemble([record for record, _ in encoded], [stream for _, streams in encoded for stream in streams])


def _read(path: Path, decode: Callable[[Record, list[memoryview]], _T], memory_limit: int) -> dict[str, _T]:
    return _read_with(path, lambda data: _from_bytes(data, decode, memory_limit))


def _read_with(path: Path, parse: Callable[[bytes], _T]) -> _T:
    try:
        return parse(path.read_bytes())
    except WeightsError as error:
        raise WeightsError(f"{path} cannot be read: {error}. Name a whole {SUFFIX} file.") from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}. Name a whole {SUFFIX} file.") from error


def _from_bytes(data: bytes, decode: Callable[[Record, list[memoryview]], _T], memory_limit: int) -> dict[str, _T]:
    found, begin = take_apart(data)
    declared = sum(record.bytes for record in found)
    if declared > memory_limit:
        raise WeightsError(f"its tensors are {declared} bytes; {memory_limit} are allowed")
    bounds = [begin, *(begin + at for at in itertools.accumulate(n for record in found for n in record.lengths))]
    view = memoryview(data)
    streams = [view[start:end] for start, end in itertools.pairwise(bounds)]
    each = [streams[at : at + 5] for at in range(0, len(streams), 5)]
    # zlib and NumPy let other threads run meanwhile.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tensors = list(pool.map(decode, found, each))
    return {record.name: tensor for record, tensor in zip(found, tensors, strict=True)}
