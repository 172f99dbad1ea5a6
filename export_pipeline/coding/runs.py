"""Where the nonzeros of a sparse tensor lie: a mask of one bit a weight, or the gaps between them.

A gap is one byte: how many zeros come before a nonzero, 0 to 254; 255 stands for 255 zeros and no nonzero yet (Deep
Compression, Han et al. 2016, section 2). Huffman-coded gaps are smaller in a large tensor that is more than half zero,
the mask in others.
"""

from __future__ import annotations

import numpy as np

from export_pipeline.coding import bitpack
from export_pipeline.errors import WeightsError

_SKIP = 255


def mask_of(positions: np.ndarray, size: int) -> bytes:
    """The mask of *size* weights with ones at *positions*."""
    mask = np.zeros(size, np.uint8)
    mask[positions] = 1
    return bitpack.pack(mask, 1)


def from_mask(mask: bitpack.Buffer, size: int, count: int) -> np.ndarray:
    """The *count* positions that *mask* marks, ascending.

    Raises:
        WeightsError: it is not a mask of *size* weights with that many ones.
    """
    return _counted(np.flatnonzero(bitpack.unpack(size, (mask, 1))), count)


def gaps_of(positions: np.ndarray) -> bytes:
    """The gaps before ascending *positions*."""
    zeros = np.diff(positions, prepend=-1) - 1
    skips = zeros // _SKIP
    coded = np.full(positions.size + int(skips.sum()), _SKIP, np.uint8)
    coded[np.cumsum(skips + 1) - 1] = zeros % _SKIP
    return coded.tobytes()


def from_gaps(gaps: bitpack.Buffer, size: int, count: int) -> np.ndarray:
    """The *count* positions that *gaps* lead to, ascending.

    Raises:
        WeightsError: they lead to another number of positions, or beyond *size*.
    """
    steps = np.frombuffer(gaps, np.uint8)
    at = np.cumsum(steps + (steps != _SKIP), dtype=np.int64) - 1
    positions = _counted(at[steps != _SKIP], count)
    if at.size and (at[-1] >= size or steps[-1] == _SKIP):
        raise WeightsError(f"gaps lead beyond the {size} weights of their tensor")
    return positions


def _counted(positions: np.ndarray, count: int) -> np.ndarray:
    if positions.size != count:
        raise WeightsError(f"{positions.size} positions for {count} nonzeros")
    return positions
