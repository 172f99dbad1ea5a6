"""Every operation of the case list, in both precisions, against an independent definition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel
from export_pipeline.emulator.registry import operations
from tests.conformance.record import compared
from tests.emulator.cases import CASES as FIRST
from tests.emulator.cases import Case
from tests.emulator.mil import ct, mb
from tests.emulator.more_cases import MORE
from tests.emulator.reductions import CASES as JOINING
from tests.emulator.resizes import RESIZES

CASES = [*FIRST, *RESIZES, *JOINING, *MORE]


def _results(path: Path, case: Case) -> list[np.ndarray]:
    model = CoreMLModel(path)
    names = [feature.name for feature in model.inputs]
    return list(model.run(dict(zip(names, case.inputs, strict=True))).values())


# Where rounded inputs change the result by more than a rounding, half precision shows nothing.
@pytest.mark.parametrize(
    ("case", "half"),
    [
        pytest.param(case, half, id=f"{case.name}, float{16 if half else 32}")
        for case in CASES
        for half in ((False, True) if case.half else (False,))
    ],
)
def test_operation(case: Case, half: bool, save_program: Callable[..., Path], half_of: Any) -> None:
    path = save_program(case.build, [array.shape for array in case.inputs], half, case.target)
    inputs = [half_of(array) if half else array for array in case.inputs]
    expected = case.expected(*inputs)
    expected = list(expected) if isinstance(expected, tuple) else [expected]
    found = _results(path, case)
    for result, wanted in zip(found, expected, strict=True):
        assert result.shape == np.shape(wanted)
        scale = max(float(np.abs(wanted).max()), 1.0)
        np.testing.assert_allclose(result, wanted, atol=scale * (4e-3 if half else 2e-5), rtol=0)


def test_half_precision_rounds_after_every_operation(save_program: Callable[..., Path]) -> None:
    factor = np.float16(1.0009766)
    x = np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)

    def build(v: Any) -> Any:
        v = mb.mul(x=mb.add(x=v, y=np.float32(factor)), y=np.float32(factor))
        return mb.sqrt(x=mb.square(x=mb.sub(x=v, y=np.float32(factor))))

    y = (x.astype(np.float16) + factor) * factor - factor
    expected = np.sqrt((y * y).astype(np.float32)).astype(np.float16)
    path = save_program(build, [x.shape], half=True)
    (found,) = CoreMLModel(path).run({"x": x}).values()
    np.testing.assert_array_equal(found.astype(np.float16), expected)
    (wide,) = CoreMLModel(path, compute="float32").run({"x": x}).values()
    assert np.abs(wide - np.abs((x + factor) * factor - factor)).max() < 1e-5


def test_half_precision_overflows(save_program: Callable[..., Path]) -> None:
    path = save_program(lambda v: mb.reduce_mean(x=mb.square(x=v), axes=[1]), [(1, 4)], half=True)
    x = np.full((1, 4), 300, np.float32)
    (found,) = CoreMLModel(path).run({"x": x}).values()
    assert np.isinf(found).all()
    (wide,) = CoreMLModel(path, compute="float32").run({"x": x}).values()
    assert float(wide[0]) == 90000


def _operations_of(case: Case) -> set[str]:
    specs = [mb.TensorSpec(array.shape) for array in case.inputs]
    build = (lambda x: case.build(x)) if len(specs) == 1 else lambda x, y: case.build(x, y)
    program = mb.program(input_specs=specs, opset_version=getattr(ct.target, case.target))(build)
    return {operation.op_type for operation in program.functions["main"].operations}


def test_every_lowered_operation_has_a_case() -> None:
    tested = set().union(*(_operations_of(case) for case in CASES))
    untested = {name for name in operations() if not name.startswith("constexpr_")} - tested
    elsewhere = {"classify", "coreml_update_state", "read_state"}  # test_kinds.py
    assert not untested - compared() - elsewhere - {"identity"}  # the converter removes it
