"""A clustered tensor: a table of values, and for each weight the index of its value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from export_pipeline.errors import WeightsError

MOST_CLUSTERS = 256
_BLOCK = 1 << 15  # indices that are looked up at once: they are widened for it, which should stay in the cache


@dataclass(frozen=True, eq=False)
class CodedTensor:
    """``table[indices]``.

    Attributes:
        table: float32 ``(k,)``, 1 to 256 values in any order. Values are kept bit for bit, -0.0 and NaN included.
        indices: uint8 of the tensor's shape, all below k.

    Raises:
        WeightsError: types, axes or indices are others.
    """

    table: np.ndarray
    indices: np.ndarray

    def __post_init__(self) -> None:
        if self.table.dtype != np.float32 or self.table.ndim != 1 or not 1 <= self.table.size <= MOST_CLUSTERS:
            found = f"{self.table.dtype} {self.table.shape}"
            raise WeightsError(f"a table is {found}; it must be float32 (k,), k from 1 to {MOST_CLUSTERS}")
        if self.indices.dtype != np.uint8:
            raise WeightsError(f"indices are {self.indices.dtype}; they must be uint8")
        if self.indices.size and int(self.indices.max()) >= self.table.size:
            raise WeightsError(f"index {self.indices.max()} is past the end of a table of {self.table.size}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return self.indices.shape

    def expand(self) -> np.ndarray:
        """The float32 array that it stands for."""
        return look_up(self.table, self.indices)


def coded(array: np.ndarray) -> CodedTensor:
    """The same float32 *array* as a table of its distinct values, ascending: nothing is lost.

    Values are told apart by their bits, so -0.0 and each NaN keep theirs.

    Raises:
        WeightsError: it is not float32, is empty, or has more than 256 distinct values.
    """
    if array.dtype != np.float32:
        raise WeightsError(f"only float32 is coded, not {array.dtype}")
    bits = np.ascontiguousarray(array).view(np.uint32)
    distinct, indices = np.unique(bits, return_inverse=True)
    if not 1 <= distinct.size <= MOST_CLUSTERS:
        raise WeightsError(f"an array of {distinct.size} distinct values; 1 to {MOST_CLUSTERS} can be coded")
    table = distinct.view(np.float32)
    order = np.argsort(table, kind="stable")
    place = np.empty(order.size, np.uint8)
    place[order] = np.arange(order.size)
    return CodedTensor(table[order], place[indices].reshape(array.shape))


def look_up(table: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """``table[indices]``, faster: indices must be in range."""
    flat = indices.reshape(-1)
    found = np.empty(flat.size, table.dtype)
    wide = np.empty(min(_BLOCK, flat.size), np.intp)
    for start in range(0, flat.size, _BLOCK):
        block = wide[: flat.size - start]
        np.copyto(block, flat[start : start + _BLOCK])
        np.take(table, block, out=found[start : start + _BLOCK], mode="clip")  # "raise" would copy the result
    return found.reshape(indices.shape)
