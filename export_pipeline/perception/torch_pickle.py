"""Reads tensors out of an old (pre-zip) torch file without torch and without running anything in it.

Such a file is four pickles (magic, protocol version, system, the objects), a fifth with the list of
storage keys, and then each storage: its element count as a little-endian int64, and its raw values.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np

from export_pipeline.errors import WeightsError

_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES: dict[str, np.dtype[Any]] = {"ByteStorage": np.dtype(np.uint8), "FloatStorage": np.dtype("<f4")}


class _Tensor:
    """A tensor as the pickle describes it; its values come later in the file."""

    def __init__(self, storage: tuple[Any, ...], offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any):
        self.dtype, self.key, self.count = _STORAGES[storage[1]], storage[2], storage[4]
        self.offset, self.shape, self.stride = offset, shape, stride

    def values(self, storage: np.ndarray) -> np.ndarray:
        contiguous = tuple(int(np.prod(self.shape[axis + 1 :])) for axis in range(len(self.shape)))
        size = int(np.prod(self.shape))
        if self.stride != contiguous or self.offset < 0 or self.offset + size > storage.size:
            raise WeightsError("the weights file holds a tensor that does not fit its storage; fetch it again")
        return storage[self.offset : self.offset + size].reshape(self.shape)


class _Storage(str):
    """The name of a storage class, all that is needed of it."""


class _Unpickler(pickle.Unpickler):
    """Knows three harmless names and refuses every other one."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _STORAGES:
            return _Storage(name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a weights file")

    def persistent_load(self, pid: Any) -> Any:
        return pid


def read_tensors(data: bytes) -> dict[str, np.ndarray]:
    """The named tensors of a torch file given as bytes.

    Raises:
        WeightsError: *data* is not such a file, is truncated, or names anything but tensors.
    """
    stream = io.BytesIO(data)
    try:
        magic, _, _ = (_Unpickler(stream).load() for _ in range(3))
        if magic != _MAGIC:
            raise WeightsError("not a torch weights file")
        tensors: dict[str, _Tensor] = _Unpickler(stream).load()
        keys: list[str] = _Unpickler(stream).load()
        by_key = {tensor.key: tensor for tensor in tensors.values()}
        storages = {key: _read_storage(stream, by_key[key]) for key in keys}
        return {name: tensor.values(storages[tensor.key]) for name, tensor in tensors.items()}
    except WeightsError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise WeightsError(f"the weights file is damaged or not a torch file: {error}") from error


def _read_storage(stream: io.BytesIO, tensor: _Tensor) -> np.ndarray:
    count = int.from_bytes(stream.read(8), "little")
    raw = stream.read(count * tensor.dtype.itemsize)
    if count != tensor.count or len(raw) != count * tensor.dtype.itemsize:
        raise WeightsError("the weights file is truncated; fetch it again")
    return np.frombuffer(raw, tensor.dtype)
