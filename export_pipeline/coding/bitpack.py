"""Whole numbers of 0 to 8 bits, packed one after the other, the first in the lowest bits of the first byte.

Eight numbers of ``width`` bits fill ``width`` bytes, which fit one 64-bit word. Unpacking spreads the eight fields of
a word over its eight bytes by halving three times (as in Hacker's Delight, chapter 7): a few operations on whole
arrays at any width.
"""

from __future__ import annotations

import functools
from typing import TypeAlias

import numpy as np

from export_pipeline.errors import WeightsError

Buffer: TypeAlias = bytes | memoryview

_WORD = np.dtype("<u8")
_BLOCK = 1 << 13  # words: 64 KB, so that all steps of a block find it in the processor's cache


def packed_size(count: int, width: int) -> int:
    """Bytes of *count* numbers of *width* bits."""
    return -(-count * width // 8)


def pack(numbers: np.ndarray, width: int) -> bytes:
    """The packed bytes of uint8 *numbers* below ``2 ** width``; bits left over in the last byte are zero."""
    padded = np.zeros(-(-numbers.size // 8) * 8, np.uint8)
    padded[: numbers.size] = numbers.reshape(-1)
    words = padded.view(_WORD)
    for lower, upper, shift in reversed(_halvings(width)):
        words = (words & lower) | ((words >> shift) & upper)
    return words.view(np.uint8).reshape(-1, 8)[:, :width].tobytes()[: packed_size(numbers.size, width)]


def unpack(count: int, *planes: tuple[Buffer, int]) -> np.ndarray:
    """*count* numbers: uint8, one axis.

    Args:
        count: how many.
        planes: packed bytes and their width. Of several, the first holds the highest bits of each number.

    Raises:
        WeightsError: a plane is of another size, or a bit after its last number is set.
    """
    groups = -(-count // 8)
    words = np.zeros(groups, _WORD)
    for packed, width in planes:
        if len(packed) != packed_size(count, width):
            raise WeightsError(f"{len(packed)} bytes are not {count} numbers of {width} bits")
    for start in range(0, groups, _BLOCK):
        block = words[start : start + _BLOCK]
        for packed, width in planes:
            if width:
                block <<= np.uint64(width)  # what is there already is below 2 ** (8 - width)
                block |= _spread(packed, width, start, block.size)
    numbers = words.view(np.uint8)
    if numbers[count:].any():
        raise WeightsError("a bit after the last number is set")
    return numbers[:count]


def _spread(packed: Buffer, width: int, start: int, groups: int) -> np.ndarray:
    """*groups* words from group *start* on, one number in each of their bytes."""
    offset = start * width
    if offset + (groups - 1) * width + _WORD.itemsize > len(packed):
        packed, offset = bytes(packed[offset:]) + bytes(_WORD.itemsize), 0  # the last words reach beyond the end
    source = np.ndarray((groups,), _WORD, packed, offset, (width,))  # a word at the byte where each group begins
    words: np.ndarray = source & np.uint64((1 << 8 * width) - 1)
    for lower, upper, shift in _halvings(width):
        moved = words & upper
        moved <<= shift
        words &= lower
        words |= moved
    return words


@functools.cache
def _halvings(width: int) -> tuple[tuple[np.uint64, np.uint64, np.uint64], ...]:
    """For each halving: the fields that stay, the fields that move, and by how many bits they move up."""
    found = []
    for half in (4, 2, 1):  # numbers in half a field
        field, lane = half * width, half * 8
        if field < lane:
            lower = sum(((1 << field) - 1) << at for at in range(0, 64, 2 * lane))
            found.append((np.uint64(lower), np.uint64(lower << field), np.uint64(lane - field)))
    return tuple(found)
