"""Values as the description of a model declares its outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.casting import misfit
from ...errors import EmulatorError
from ..network_io import array_dtype

_KINDS = {"stringType": str, "dictionaryType": dict, "sequenceType": list}


def as_declared(feature: Any, value: Any, label: str) -> Any:
    """*value* as an output of the declared type. Raises EmulatorError where it does not fit that."""
    declared = feature.type.WhichOneof("Type")
    if declared in _KINDS and isinstance(value, _KINDS[declared]):
        return value
    if declared == "imageType" and isinstance(value, np.ndarray):
        return value
    if declared in ("doubleType", "int64Type", "multiArrayType") and not isinstance(value, (str, dict, list)):
        return _numbers(feature, np.asarray(value), label)
    raise EmulatorError(f"{label} is malformed: output {feature.name!r} of {declared} is given {type(value).__name__}")


def _numbers(feature: Any, array: np.ndarray, label: str) -> Any:
    kind = feature.type.WhichOneof("Type")
    dtype = {"doubleType": np.dtype(np.float64), "int64Type": np.dtype(np.int64)}.get(kind)
    dtype = dtype or array_dtype(feature.type.multiArrayType)
    wrong = misfit(array, dtype)
    if wrong:
        raise EmulatorError(f"output {feature.name!r} of {label} is declared as {dtype}, which cannot hold {wrong}")
    with np.errstate(all="ignore"):  # beyond the range of float32 is infinite, as on a device
        array = array.astype(dtype)
    if kind != "multiArrayType":
        if array.size != 1:
            raise EmulatorError(f"{label} is malformed: {array.size} numbers for its output {feature.name!r} of one")
        return array.reshape(-1)[0].item()
    return _shaped(feature, array, label)


def _shaped(feature: Any, array: np.ndarray, label: str) -> np.ndarray:
    shape = tuple(int(size) for size in feature.type.multiArrayType.shape)
    if not shape or feature.type.multiArrayType.WhichOneof("ShapeFlexibility"):
        return np.atleast_1d(array)
    if int(np.prod(shape)) != array.size:
        raise EmulatorError(f"{label} is malformed: {array.size} numbers for its output {feature.name!r} of {shape}")
    return array.reshape(shape)
