"""Builds tiny Core ML models in a temporary directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import install
from export_pipeline.emulator.coremltools_quietly import quiet
from tests.emulator.mil import ct, mb


@pytest.fixture(autouse=True)
def _no_progress_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator in the place of Core ML, until the test is over."""
    model_class = ct.models.MLModel
    for name in ("predict", "make_state"):
        monkeypatch.setattr(model_class, name, getattr(model_class, name))
    monkeypatch.setattr(model_class, "__proxy__", None, raising=False)
    install()


@pytest.fixture
def save_program(tmp_path: Path) -> Callable[..., Path]:
    """``save_program(build, shapes, half=..., target=..., **convert arguments)`` gives the path of an .mlpackage."""

    def save(
        build: Callable[..., Any],
        shapes: Sequence[tuple[int, ...]],
        half: bool = False,
        target: str = "iOS16",
        **arguments: Any,
    ) -> Path:
        chosen = getattr(ct.target, target)
        with quiet():
            program = mb.program(input_specs=[mb.TensorSpec(shape) for shape in shapes], opset_version=chosen)(
                _with_arity(build, len(shapes))
            )
            model = ct.convert(
                program,
                convert_to="mlprogram",
                minimum_deployment_target=chosen,
                compute_precision=ct.precision.FLOAT16 if half else ct.precision.FLOAT32,
                **arguments,
            )
            path = tmp_path / f"model{len(list(tmp_path.iterdir()))}.mlpackage"
            model.save(str(path))
        return path

    return save


def _with_arity(build: Callable[..., Any], count: int) -> Callable[..., Any]:
    # The builder reads the number of inputs off the function's signature.
    if count == 1:
        return lambda x: build(x)
    return lambda x, y: build(x, y)


@pytest.fixture
def half_of() -> Callable[[np.ndarray], np.ndarray]:
    """Values as half precision holds them."""
    return lambda array: array.astype(np.float16).astype(np.float32)
