"""A file in 8 bits may have a kernel of a few values in floats, and no more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export_pipeline.formats.diagnosis import float_kernels
from export_pipeline.formats.tensors import summary, weight


@pytest.mark.parametrize(("floats", "refused"), [(0, False), (10, False), (11, True), (1000, True)])
def test_floats_are_counted_by_their_values(floats: int, refused: bool) -> None:
    sizes = {"int8": 1000 - floats, "float16": floats}
    bits = {"int8": 8, "float16": 16}
    rows = [weight(kind, np.ones((1, 1, 1, n)), kind, bits[kind], True) for kind, n in sizes.items() if n]
    found = float_kernels(Path("net-int8.mlpackage"), summary(rows, {}, {}, None))
    assert bool(found) == refused
    assert not float_kernels(Path("net-fp16.mlpackage"), summary(rows, {}, {}, None))
