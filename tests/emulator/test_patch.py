"""What coremltools' own tools do with models that the emulator runs in the place of Core ML."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator.coremltools_quietly import quiet
from tests.emulator.mil import ct, mb

pytestmark = [
    pytest.mark.usefixtures("installed"),
    pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself is there"),
]
X = np.array([-2.0, 0.5, 3.0], np.float32)


@pytest.fixture
def model(save_program: Callable[..., Path]) -> Any:
    """``exp(2 x)``."""
    path = save_program(lambda x: mb.exp(x=mb.mul(x=x, y=2.0, name="twice"), name="y"), [X.shape])
    with quiet():
        return ct.models.MLModel(str(path))


def test_an_inspector_sees_what_is_computed_on_the_way(model: Any) -> None:
    from coremltools.models.ml_program.experimental.debugging_utils import MLModelInspector

    async def found() -> dict[str, Any]:
        return {name: value async for name, value in MLModelInspector(model).inspect({"x": X}, ["twice", "y"])}

    values = asyncio.run(found())
    np.testing.assert_allclose(values["twice"], 2 * X)
    np.testing.assert_allclose(values["y"], np.exp(2 * X), rtol=1e-6)


def test_times_are_those_of_the_emulator(model: Any) -> None:
    assert model.load_duration_in_nano_seconds > 0
    assert model.last_predict_duration_in_nano_seconds is None
    model.predict({"x": X})
    assert model.last_predict_duration_in_nano_seconds > 0


def test_there_is_no_compiled_model(model: Any) -> None:
    with pytest.raises(RuntimeError, match="the emulator runs it"):
        model.get_compiled_model_path()


def test_a_model_that_cannot_be_lowered_is_not_loaded(model: Any) -> None:
    spec = model.get_spec()
    function = spec.mlProgram.functions["main"]
    function.block_specializations[function.opset].operations[-1].type = "no_operation_of_apple"
    with quiet():
        other = ct.models.MLModel(spec, weights_dir=model.weights_dir)
    assert other.__proxy__ is None
    with pytest.raises(RuntimeError, match="no_operation_of_apple"):
        other.predict({"x": X})
