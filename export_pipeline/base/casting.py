"""Whether the values of an array survive a cast that NumPy makes without a word."""

from __future__ import annotations

from typing import Any

import numpy as np

_WORDS = {"c": "complex numbers", "S": "text", "U": "text", "O": "something other than numbers"}


def misfit(array: np.ndarray, dtype: Any) -> str | None:
    """What *array* holds that numbers of *dtype* cannot, in words to follow "holds"; ``None`` if nothing.

    Floats go to an integer type where they are whole numbers within its range. Integers and floats go to any float.
    """
    target = np.dtype(dtype)
    if target.kind not in "biuf" or array.dtype == target:
        return None
    if array.dtype.kind in "cSUOMm":
        return _WORDS.get(array.dtype.kind, "dates or times")
    if target.kind not in "iu" or array.dtype.kind == "b":
        return None
    values = array if array.dtype.kind in "iu" else array.astype(np.float64)
    if not np.isfinite(values).all():
        return "NaN or infinity"
    if (np.trunc(values) != values).any():
        return "fractions"
    limits = np.iinfo(target)
    # As Python's integers: no float is as exact as the limits of 64 bits.
    if values.size and not limits.min <= int(values.min()) <= int(values.max()) <= limits.max:
        return f"numbers outside of {limits.min}..{limits.max}"
    return None
