"""Indices as two planes of bits: the high ones Huffman-coded, the low ones packed as they are.

Indices are first ranked by how often they occur. The high bits of a rank then say nearly all that is uneven, and only
they are worth coding: 1, 2, 4 or 8 bits of each rank, 8, 4, 2 or 1 ranks to a coded byte. What decoding costs is the
number of coded bytes, so two coded bits of eight load four times as fast as eight, for less than 1 % of the size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from export_pipeline.coding import bitpack
from export_pipeline.coding.bitpack import Buffer
from export_pipeline.coding.tensor import MOST_CLUSTERS, look_up
from export_pipeline.errors import WeightsError

CODED_WIDTHS = (0, 1, 2, 4, 8)


@dataclass(frozen=True)
class Split:
    """How ``symbols`` different indices are stored: ``coded`` bits of each in the high plane."""

    symbols: int
    coded: int

    @property
    def bits(self) -> int:
        """Bits of an index."""
        return max(self.symbols - 1, 0).bit_length()

    @property
    def low(self) -> int:
        """Bits of an index in the low plane."""
        return max(self.bits - self.coded, 0)

    @property
    def ranked(self) -> bool:
        """Whether an order of the indices is stored. The code of whole indices needs none."""
        return 0 < self.coded < self.bits

    def sizes(self, count: int) -> tuple[int, int, int]:
        """Bytes of the order, the high and the low plane of *count* indices."""
        order = self.symbols if self.ranked else 0
        return order, bitpack.packed_size(count, self.coded), bitpack.packed_size(count, self.low)


def splits(symbols: int) -> list[Split]:
    """The ways to store indices below *symbols*, from the fastest to the slowest to load."""
    bits = Split(symbols, 0).bits
    useful = [width for width in CODED_WIDTHS if width < bits]
    whole = min(width for width in CODED_WIDTHS if width >= bits)
    return [Split(symbols, width) for width in (*useful, whole)]


def order_of(indices: np.ndarray, symbols: int) -> np.ndarray:
    """Indices from the most to the least frequent: uint8 ``(symbols,)``."""
    counts = np.bincount(indices, minlength=symbols)
    return np.argsort(-counts, kind="stable").astype(np.uint8)


def divide(indices: np.ndarray, split: Split) -> tuple[bytes, bytes, bytes]:
    """Order, high and low plane of uint8 *indices* of one axis."""
    order = b""
    if split.ranked:
        ordered = order_of(indices, split.symbols)
        ranks = np.zeros(MOST_CLUSTERS, np.uint8)
        ranks[ordered] = np.arange(ordered.size)
        indices, order = look_up(ranks, indices), ordered.tobytes()
    high = bitpack.pack(indices >> split.low, split.coded) if split.coded else b""
    low = bitpack.pack(indices & ((1 << split.low) - 1), split.low) if split.low else b""
    return order, high, low


def join(order: Buffer, high: Buffer, low: Buffer, split: Split, count: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The *count* ranks, and the index of each rank or None where ranks are the indices themselves.

    Raises:
        WeightsError: the planes are not of that many indices, or an index is out of range.
    """
    ranks = bitpack.unpack(count, (high, split.coded), (low, split.low))
    if count and int(ranks.max()) >= split.symbols:
        raise WeightsError(f"an index is not below {split.symbols}")
    if not split.ranked:
        return ranks, None
    ordered = np.frombuffer(order, np.uint8)
    if not np.array_equal(np.sort(ordered), np.arange(split.symbols)):
        raise WeightsError("the order of the indices names some twice")
    return ranks, ordered
