"""The arrays of a weights file, whichever library wrote it: .h5, .keras, .npz or .safetensors.

Only numbers are read. Nothing is unpickled, and no layer, class or function that a file names is looked up.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.errors import WeightsError

# Groups of Keras files that hold the state of a training, with which no network computes, by a group beside them.
_TRAINING = {
    "model_weights": ("optimizer_weights",),
    "layers": ("optimizer", "metrics"),
    "_layer_checkpoint_dependencies": ("optimizer", "metrics"),
}
_KERAS_MEMBER = "model.weights.h5"
_SAFETENSORS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",  # widened to float32 below
    **{f"I{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
}
# What libraries raise when a file is damaged or foreign.
_DAMAGED = (OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)


def read_arrays(path: Path | str) -> dict[str, np.ndarray]:
    """All arrays of numbers in a weights file, by the names that they have there.

    An .h5 dataset is named by its path. What optimizer and metrics of Keras remember is left out. bfloat16 becomes
    float32, which holds it exactly.

    Args:
        path: .h5 (weights or a whole model of Keras, or any other), .keras, .npz or .safetensors.

    Raises:
        WeightsError: the file is missing, damaged, foreign, without arrays, or holds something else than numbers.
    """
    path = Path(path)
    if path.suffix not in READERS:
        raise WeightsError(f"{path} is not read as weights; allowed: {', '.join(READERS)}")
    if not path.is_file():
        raise WeightsError(f"no weights at {path}. Name a file.")
    try:
        arrays = READERS[path.suffix](path)
    except _DAMAGED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WeightsError(f"{path} is damaged or not a {path.suffix} file of weights: {reason}") from error
    if not arrays:
        raise WeightsError(f"{path} holds no arrays of weights")
    if wrong := [f"{name} ({array.dtype})" for name, array in arrays.items() if array.dtype.kind not in "fiu"]:
        raise WeightsError(f"{path} holds something else than numbers: {', '.join(wrong)}. Leave it out of the file.")
    return arrays


def _from_h5(path: Path | io.BytesIO) -> dict[str, np.ndarray]:
    import h5py

    found: dict[str, np.ndarray] = {}

    with h5py.File(path, "r") as file:
        left_out = {name for beside, names in _TRAINING.items() if beside in file for name in names}

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and name.split("/")[0] not in left_out:
                found[name] = np.asarray(item[()])

        file.visititems(visit)
    return found


def _from_keras(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        return _from_h5(io.BytesIO(archive.read(_KERAS_MEMBER)))


def _from_npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def _from_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError, deserialize

    try:
        tensors = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    if unknown := sorted({tensor["dtype"] for _, tensor in tensors} - set(_SAFETENSORS)):
        raise ValueError(f"it holds {', '.join(unknown)}; allowed: {', '.join(_SAFETENSORS)}")
    return {name: _numbers(tensor) for name, tensor in sorted(tensors)}


def _numbers(tensor: dict[str, Any]) -> np.ndarray:
    array = np.frombuffer(tensor["data"], _SAFETENSORS[tensor["dtype"]]).reshape(tensor["shape"])
    if tensor["dtype"] == "BF16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array


READERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    ".h5": _from_h5,
    ".keras": _from_keras,
    ".npz": _from_npz,
    ".safetensors": _from_safetensors,
}
