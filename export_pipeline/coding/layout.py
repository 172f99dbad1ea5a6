"""The bytes around the streams: what the file says of itself, and a record for each tensor. See README.md."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from export_pipeline.coding import bitpack, huffman
from export_pipeline.coding.planes import CODED_WIDTHS, Split
from export_pipeline.coding.tensor import MOST_CLUSTERS
from export_pipeline.errors import WeightsError

# As in PNG: a transfer that takes the file for text changes the magic.
MAGIC = b"\x89WGT\r\n\x1a\n"
VERSION = 1
DTYPES = (
    *("float32", "float16", "float64"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)
POSITIONS = ("dense", "mask", "gaps")
MOST_AXES = 32
LONGEST_NAME = (1 << 16) - 1
MOST_VALUES = 1 << 40
MOST_HEADER = 1 << 26

_START = struct.Struct("<8sIQII")  # magic, version, bytes of the file, bytes of the records as stored and as read
_CHECK = struct.Struct("<I")
_NAME = struct.Struct("<H")
_KIND = struct.Struct("<BBB")  # dtype, dtype as stored, axes
_FORM = struct.Struct("<BQQHB5Q")  # positions, values, bytes of gaps, clusters, coded bits, bytes of the five streams


@dataclass(frozen=True)
class Record:
    """How one tensor is stored.

    Attributes:
        dtype, shape: of the tensor; a clustered one is float32.
        stored: dtype of its values or table in the file: float16 for float32 values that it holds exactly.
        positions: ``dense``, or how the nonzeros of a sparse tensor are found: by ``mask`` or ``gaps``.
        count: values that are stored: all, or the nonzeros.
        gaps: bytes of the gaps.
        clusters: entries of the table, 0 without one.
        coded: bits of each index that are Huffman-coded.
        lengths: bytes in the file of positions, values or table, order, high plane and low plane.
    """

    name: str
    dtype: str
    stored: str
    shape: tuple[int, ...]
    positions: str = "dense"
    count: int = 0
    gaps: int = 0
    clusters: int = 0
    coded: int = 0
    lengths: tuple[int, ...] = (0, 0, 0, 0, 0)

    @property
    def size(self) -> int:
        """Values of the tensor."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes of the tensor in memory."""
        return self.size * np.dtype(self.dtype).itemsize

    @property
    def split(self) -> Split:
        """How the indices are stored. Those of a sparse tensor do without its zero."""
        return Split(self.clusters - (self.positions != "dense"), self.coded)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of the five streams before Huffman coding."""
        places = {"dense": 0, "mask": bitpack.packed_size(self.size, 1), "gaps": self.gaps}[self.positions]
        item = np.dtype(self.stored).itemsize
        if not self.clusters:
            return places, self.count * item, 0, 0, 0
        return places, self.clusters * item, *self.split.sizes(self.count)

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            WeightsError: it names the tensor.
        """
        sparse = self.positions != "dense"
        contradictions = (
            not self.name or math.prod(max(n, 1) for n in self.shape) > MOST_VALUES,
            self.stored != self.dtype and (self.dtype, self.stored) != ("float32", "float16"),
            self.clusters > 0 and self.dtype != "float32",
            self.clusters > MOST_CLUSTERS or self.coded not in CODED_WIDTHS,
            not self.clusters and self.coded,
            self.count > self.size or (not sparse and self.count < self.size),
            self.gaps > self.size or (self.positions != "gaps" and self.gaps),
            self.clusters == 1 and sparse and self.count,
        )
        if any(contradictions) or any(map(_longer, self.lengths, self.sizes)):
            raise WeightsError(f"the record of {self.name!r} contradicts itself")


def _longer(stored: int, size: int) -> bool:
    return stored > size or (stored == 0 and size > 0)


def assemble(records: Sequence[Record], streams: Sequence[bytes]) -> bytes:
    """The whole file."""
    plain = b"".join(map(_record_bytes, records))
    stored = huffman.encode(plain, zlib.Z_DEFAULT_STRATEGY)
    length = _START.size + len(stored) + sum(map(len, streams)) + _CHECK.size
    start = _START.pack(MAGIC, VERSION, length, len(stored), len(plain))
    body = b"".join((start, stored, *streams))
    return body + _CHECK.pack(zlib.crc32(body))


def _record_bytes(record: Record) -> bytes:
    name = record.name.encode()
    return b"".join(
        (
            _NAME.pack(len(name)),
            name,
            _KIND.pack(DTYPES.index(record.dtype), DTYPES.index(record.stored), len(record.shape)),
            struct.pack(f"<{len(record.shape)}Q", *record.shape),
            _FORM.pack(
                POSITIONS.index(record.positions),
                *(record.count, record.gaps, record.clusters, record.coded, *record.lengths),
            ),
        )
    )


def take_apart(data: bytes) -> tuple[list[Record], int]:
    """The records of a whole file, and where its streams begin. Everything is checked that is not inside a stream.

    Raises:
        WeightsError: the file is foreign, of another version, truncated, damaged, or contradicts itself.
    """
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise WeightsError("it is not a container of weights")
    if len(data) < _START.size + _CHECK.size:
        raise WeightsError("it is truncated")
    _, version, length, stored, plain = _START.unpack_from(data)
    if version != VERSION:
        raise WeightsError(f"it is of version {version}; this reads version {VERSION}")
    if length != len(data):
        raise WeightsError(f"it should be {length} bytes and is {len(data)}: truncated or damaged")
    end = len(data) - _CHECK.size
    if zlib.crc32(memoryview(data)[:end]) != _CHECK.unpack_from(data, end)[0]:
        raise WeightsError("its check sum is another: damaged")
    begin = _START.size + stored
    if begin > end or plain > MOST_HEADER:
        raise WeightsError("its records do not fit")
    records = _records(bytes(huffman.decode(data[_START.size : begin], plain)))
    if begin + sum(sum(record.lengths) for record in records) != end:
        raise WeightsError("its streams are not as long as the records say")
    return records, begin


def _records(plain: bytes) -> list[Record]:
    found: dict[str, Record] = {}
    at = 0
    try:
        while at < len(plain):
            record, at = _record(plain, at)
            record.check()
            if record.name in found:
                raise WeightsError(f"it has two tensors {record.name!r}")
            found[record.name] = record
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise WeightsError("its records cannot be read") from error
    return list(found.values())


def _record(plain: bytes, at: int) -> tuple[Record, int]:
    """The record at byte *at*, and where the next one begins."""
    (length,) = _NAME.unpack_from(plain, at)
    at += _NAME.size
    name = plain[at : at + length].decode()
    at += length
    dtype, stored, axes = _KIND.unpack_from(plain, at)
    at += _KIND.size
    if axes > MOST_AXES:
        raise WeightsError(f"{name!r} has {axes} axes; at most {MOST_AXES} are allowed")
    shape = struct.unpack_from(f"<{axes}Q", plain, at)
    at += 8 * axes
    positions, count, gaps, clusters, coded, *lengths = _FORM.unpack_from(plain, at)
    kinds = DTYPES[dtype], DTYPES[stored], shape, POSITIONS[positions]
    return Record(name, *kinds, count, gaps, clusters, coded, tuple(lengths)), at + _FORM.size
