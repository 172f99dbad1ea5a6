"""Indices out of bounds in programs of iOS 17 and later: refused if the program says so, harmless if not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel
from export_pipeline.errors import EmulatorError
from tests.emulator.mil import mb

DATA = np.arange(12, dtype=np.float32).reshape(3, 4)


def _scattered(kind: str, validate: bool) -> Callable[[Any, Any], Any]:
    def build(x: Any, y: Any) -> Any:
        indices = mb.cast(x=y, dtype="int32")
        rows = int(np.prod(y.shape)) if kind == "scatter" else y.shape[0]
        updates = {
            "scatter": np.full((rows, 4), 100, np.float32),
            "scatter_nd": np.full(rows, 100, np.float32),
            "scatter_along_axis": np.full(y.shape, 100, np.float32),
        }[kind]
        return getattr(mb, kind)(data=x, indices=indices, updates=updates, mode="add", validate_indices=validate)

    return build


def _gathered(kind: str, validate: bool) -> Callable[[Any, Any], Any]:
    return lambda x, y: getattr(mb, kind)(x=x, indices=mb.cast(x=y, dtype="int32"), validate_indices=validate)


def _added(*places: Any) -> np.ndarray:
    out = DATA.copy()
    for place in places:
        out[place] += 100
    return out


# Of gathers none is negative: coremltools stores their indices as uint16, where -1 is 65535.
CASES = [
    ("scatter", [1, -1, 7], _added(1)),
    ("scatter_nd", [[1, 2], [0, 4], [-1, 0], [3, 0]], _added((1, 2))),
    ("scatter_along_axis", [[0, 3, 1, -1]], _added((0, 0), (1, 2))),
    ("gather", [1, 0, 7], DATA[[1, 0, 2]]),
    ("gather_nd", [[1, 2], [0, 4], [9, 9]], DATA[[1, 0, 2], [2, 3, 3]]),
    ("gather_along_axis", [[0, 3, 1, 9]], DATA[[0, 2, 1, 2], [0, 1, 2, 3]][None]),
]


@pytest.mark.parametrize(("kind", "indices", "expected"), CASES, ids=lambda case: case if isinstance(case, str) else "")
@pytest.mark.parametrize("validate", [False, True])
def test_indices_out_of_bounds(
    kind: str, indices: list[Any], expected: np.ndarray, validate: bool, save_program: Callable[..., Path]
) -> None:
    build = (_scattered if kind.startswith("scatter") else _gathered)(kind, validate)
    given = np.array(indices, np.float32)
    model = CoreMLModel(save_program(build, [DATA.shape, given.shape], target="iOS17"))
    if validate:
        with pytest.raises(EmulatorError, match=f"an index of '{kind}' is not in"):
            model.run({"x": DATA, "y": given})
    else:
        np.testing.assert_array_equal(next(iter(model.run({"x": DATA, "y": given}).values())), expected)
    inside = np.zeros_like(given)
    assert np.isfinite(next(iter(model.run({"x": DATA, "y": inside}).values()))).all()
