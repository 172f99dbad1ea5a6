"""The forms that a tensor can be stored in, and the choice among them.

Dense or sparse, values as they are or as indices into a table, more or fewer bits of each index Huffman-coded: all
are tried and the smallest is taken. Of the coded forms of a large tensor, where it takes time to load them, the one
with the fewest coded bits within 4 % of the smallest is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from export_pipeline.coding import huffman, planes, runs
from export_pipeline.coding.bitpack import Buffer
from export_pipeline.coding.layout import DTYPES, LONGEST_NAME, MOST_AXES, Record
from export_pipeline.coding.tensor import CodedTensor, look_up
from export_pipeline.errors import WeightsError

Tensor: TypeAlias = CodedTensor | np.ndarray
Form: TypeAlias = tuple[Record, tuple[bytes, ...]]

_LARGE = 1 << 16
_CLOSE = 1.04
_FEWEST_ZEROS = 0.1  # a smaller share cannot pay for saying where they are


def encode(name: str, tensor: Tensor) -> Form:
    """The record and the five streams of *tensor*.

    Raises:
        WeightsError: a container does not hold tensors of this kind or name.
    """
    if not 0 < len(name.encode()) <= LONGEST_NAME:
        raise WeightsError(f"a name of {len(name.encode())} bytes; 1 to {LONGEST_NAME} are allowed")
    if len(tensor.shape) > MOST_AXES:
        raise WeightsError(f"{name!r} has {len(tensor.shape)} axes; at most {MOST_AXES} are allowed")
    forms = list(_forms_of_indices(name, tensor) if isinstance(tensor, CodedTensor) else _forms_of_values(name, tensor))
    best = min(forms, key=_bytes)
    best[0].check()
    if math.prod(tensor.shape) < _LARGE or not best[0].coded:
        return best
    return next(form for form in forms if form[0].coded and _bytes(form) <= _CLOSE * _bytes(best))


def _bytes(form: Form) -> int:
    return sum(form[0].lengths)


def decode(record: Record, streams: Sequence[Buffer]) -> Tensor:
    """The tensor that :func:`encode` was given.

    Raises:
        WeightsError: the streams are not what the record says.
    """
    positions, values, ranks, order = _read(record, streams)
    if ranks is None:
        return _placed(values, positions, record, 0)
    indices = ranks if order is None else look_up(order, ranks)
    if positions is not None:
        zero = _zero_of(values) or 0
        indices = _placed(indices + (indices >= zero), positions, record, zero)
    return CodedTensor(values, indices.reshape(record.shape))


def expand(record: Record, streams: Sequence[Buffer]) -> np.ndarray:
    """The array that the tensor of :func:`decode` stands for, without its indices in between.

    Raises:
        WeightsError: the streams are not what the record says.
    """
    positions, values, ranks, order = _read(record, streams)
    if ranks is not None:
        entries = values if positions is None else np.delete(values, _zero_of(values) or 0)
        values = look_up(entries if order is None else entries[order], ranks)
    return _placed(values, positions, record, 0)


def _forms_of_values(name: str, array: np.ndarray) -> Iterator[Form]:
    """The forms of an array without a table, from the fastest to the slowest to load."""
    if array.dtype.name not in DTYPES:
        raise WeightsError(f"{name!r} is {array.dtype}; allowed: {', '.join(DTYPES)}")
    flat = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1)
    nonzero = np.flatnonzero(flat.view(f"<u{flat.itemsize}"))
    narrow = _narrowed(flat)
    plain = Record(name, array.dtype.name, narrow.dtype.name, array.shape, count=flat.size)
    yield _stored(plain, b"", narrow.tobytes())
    for placed, places in _placings(plain, nonzero):
        yield _stored(placed, places, narrow[nonzero].tobytes())


def _forms_of_indices(name: str, tensor: CodedTensor) -> Iterator[Form]:
    """The forms of a clustered tensor, from the fastest to the slowest to load."""
    flat = tensor.indices.reshape(-1)
    table = _narrowed(tensor.table.astype("<f4"))
    plain = Record(name, "float32", table.dtype.name, tensor.shape, count=flat.size, clusters=table.size)
    yield from _coded_forms(plain, b"", table.tobytes(), flat)
    if (zero := _zero_of(tensor.table)) is None:
        return
    nonzero = np.flatnonzero(flat != zero)
    rest = flat[nonzero]
    rest -= rest > zero
    for placed, places in _placings(plain, nonzero):
        yield from _coded_forms(placed, places, table.tobytes(), rest)


def _coded_forms(record: Record, places: bytes, table: bytes, indices: np.ndarray) -> Iterator[Form]:
    for split in planes.splits(record.split.symbols):
        form = replace(record, coded=split.coded)
        yield _stored(form, places, table, *planes.divide(indices, split))


def _placings(record: Record, nonzero: np.ndarray) -> Iterator[tuple[Record, bytes]]:
    """*record* as a sparse one, and its stream of positions, where there are zeros enough."""
    if nonzero.size > (1 - _FEWEST_ZEROS) * record.size:
        return
    gaps = runs.gaps_of(nonzero)
    yield replace(record, positions="mask", count=nonzero.size), runs.mask_of(nonzero, record.size)
    yield replace(record, positions="gaps", count=nonzero.size, gaps=len(gaps)), gaps


def _stored(
    record: Record, places: bytes, values: bytes, order: bytes = b"", high: bytes = b"", low: bytes = b""
) -> Form:
    """*record* with its streams. Order and low plane are without pattern: they are not coded."""
    streams = (huffman.encode(places), huffman.encode(values), order, huffman.encode(high), low)
    return replace(record, lengths=tuple(map(len, streams))), streams


def _read(
    record: Record, streams: Sequence[Buffer]
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Positions of the nonzeros, values or table, ranks and the index of each rank; None for what there is not."""
    places, values, order, high, low = map(huffman.decode, streams, record.sizes)
    positions = None
    if record.positions != "dense":
        read = runs.from_mask if record.positions == "mask" else runs.from_gaps
        positions = read(places, record.size, record.count)
    stored = np.frombuffer(values, np.dtype(record.stored).newbyteorder("<")).astype(record.dtype)
    if not record.clusters:
        return positions, stored, None, None
    if positions is not None and _zero_of(stored) is None:
        raise WeightsError("a sparse tensor has no zero in its table")
    return positions, stored, *planes.join(order, high, low, record.split, record.count)


def _placed(values: np.ndarray, positions: np.ndarray | None, record: Record, zero: int) -> np.ndarray:
    """*values* at *positions*, *zero* elsewhere, in the tensor's shape."""
    if positions is not None:
        whole = np.full(record.size, zero, values.dtype)
        whole[positions] = values
        values = whole
    return values.reshape(record.shape)


def _zero_of(table: np.ndarray) -> int | None:
    """The first index of +0.0, if it is there; -0.0 has other bits."""
    found = np.flatnonzero(table.view(np.uint32) == 0)
    return int(found[0]) if found.size else None


def _narrowed(values: np.ndarray) -> np.ndarray:
    """float32 *values* as float16 if each keeps its bits that way, else as they are."""
    if values.dtype.name != "float32":
        return values
    with np.errstate(all="ignore"):
        half = values.astype("<f2")
        same = np.array_equal(half.astype("<f4").view("<u4"), values.view("<u4"))
    return half if same else values
