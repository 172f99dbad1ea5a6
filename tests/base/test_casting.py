"""What an array may hold to be cast, against every value of small types and the edges of large ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export_pipeline.base.casting import misfit

REFUSED = [
    ([np.nan], "int32", "NaN or infinity"),
    ([-np.inf, 1], "int8", "NaN or infinity"),
    ([1.0, 0.5], "int32", "fractions"),
    ([2.0**31], "int32", "numbers outside of -2147483648..2147483647"),
    ([2.0**63], "int64", "numbers outside"),
    ([-1], "uint8", "numbers outside of 0..255"),
    ([1 + 0j], "float32", "complex numbers"),
    (["1"], "float32", "text"),
    ([b"1"], "int32", "text"),
    ([None], "float32", "something other than numbers"),
    (["2020-01-01"], "float32", "text"),
    (np.array(["2020-01-01"], "datetime64[D]"), "int64", "dates or times"),
]


@pytest.mark.parametrize(("values", "dtype", "words"), REFUSED)
def test_what_a_cast_would_change_is_said(values: Any, dtype: str, words: str) -> None:
    found = misfit(np.asarray(values), dtype)
    assert found is not None
    assert words in found


@pytest.mark.parametrize("values", [[True], [], [-3.0, 2.0**31 - 128], np.array([1, 2], np.uint64)])
def test_whole_numbers_go_to_integers(values: Any) -> None:
    assert misfit(np.asarray(values), "int32") is None


@given(st.lists(st.floats(allow_nan=True, width=32), max_size=5))
def test_floats_fit_where_the_cast_gives_them_back(values: list[float]) -> None:
    array = np.array(values, np.float64)
    with np.errstate(invalid="ignore"):
        same = np.array_equal(array.astype(np.int16).astype(np.float64), array)
    assert (misfit(array, np.int16) is None) == same
    assert misfit(array, np.float32) is None
