"""The emulator's Core ML against Apple's own Core AI, operation by operation, on random shapes and values."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel
from export_pipeline.emulator.coremltools_quietly import quiet
from export_pipeline.formats.coreai import library
from tests.builds import ROOT
from tests.emulator.mil import ct, mb
from tests.formats.coreai import operations

pytestmark = pytest.mark.skipif(bool(library.missing()), reason=library.missing() or "it is there")
# Relative to the largest value: both compute in float32, in another order.
MOST_ERROR = 1e-5


def emulated(folder: Path) -> dict[str, np.ndarray]:
    """What the emulator gives for all cases, as one ML Program."""
    given = operations.inputs()

    def build(*values: Any) -> Any:
        by_name = dict(zip(given, values, strict=True))
        made = []
        for name, pair, case in operations.drawn():
            parts = (by_name[f"{name}_x{place}"] for place in range(len(case.arrays)))
            made.append(mb.identity(x=pair.core_ml(mb, *parts, **case.told), name=name))
        return tuple(made)

    with quiet():
        specs = [mb.TensorSpec(array.shape) for array in given.values()]
        # The builder reads the number of inputs off the function's signature.
        names = ", ".join(f"x{index}" for index in range(len(specs)))
        counted = eval(f"lambda {names}: build({names})", {"build": build})
        program = mb.program(input_specs=specs, opset_version=ct.target.iOS17)(counted)
        model = ct.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=ct.precision.FLOAT32,
        )
        model.save(str(folder / "operations.mlpackage"))
    opened = CoreMLModel(folder / "operations.mlpackage")
    return opened.run(dict(zip([each.name for each in opened.inputs], given.values(), strict=True)))


def test_operations_of_one_meaning_give_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.formats.coreai.operations", str(tmp_path / "apple.npz")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=600)
    apple, ours = np.load(tmp_path / "apple.npz"), emulated(tmp_path)
    wrong = {}
    for name, pair, case in operations.drawn():
        found, wanted = ours[name], apple[name]
        scale = max(float(np.abs(wanted).max()), 1.0)
        if found.shape != wanted.shape or not np.abs(found - wanted).max() <= MOST_ERROR * scale:
            wrong[f"{pair.name} {[array.shape for array in case.arrays]} {case.told}"[:200]] = (found, wanted)
    assert not wrong
    assert len(operations.PAIRS) >= 50
