"""Custom layers run in functions that the caller gives, and are refused by name without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel, describe, listing, weights
from export_pipeline.errors import EmulatorError, UnsupportedOperationError
from tests.emulator.kinds.specs import base

X = np.array([-1.0, 0.0, 2.0])


def _spec(outputs: int = 1) -> Any:
    """Twice a custom layer with a parameter and weights, and arithmetic around it."""
    spec = base({"x": (3,)}, {"y": (3,)})
    spec.neuralNetwork.arrayInputShapeMapping = 1
    layers = spec.neuralNetwork.layers
    layers.add(name="before", input=["x"], output=["h"]).activation.linear.alpha = 2
    layer = layers.add(name="inside", input=["h"], output=["s", "t"][:outputs])
    layer.custom.className = "Swish"
    layer.custom.parameters["beta"].doubleValue = 0.5
    for values in ([1.0, 2.0, 3.0], [10.0]):
        layer.custom.weights.add().floatValue.extend(values)
    layers.add(name="after", input=["s"], output=["y"]).activation.linear.alpha = 3
    return spec


def swish(x: np.ndarray, beta: float, weights: list[np.ndarray]) -> np.ndarray:
    return x / (1 + np.exp(-beta * x)) * weights[0] + weights[1]


def test_a_function_is_called_with_parameters_and_weights() -> None:
    found = CoreMLModel.from_spec(_spec(), custom={"Swish": swish}).predict({"x": X})["y"]
    wanted = 3 * swish(2 * X, 0.5, [np.array([1, 2, 3]), np.array([10])])
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_several_outputs() -> None:
    spec = _spec(2)
    spec.neuralNetwork.layers[2].input[0] = "t"
    model = CoreMLModel.from_spec(spec, custom={"Swish": lambda x, beta, weights: (x, x + beta)})
    np.testing.assert_allclose(model.predict({"x": X})["y"], 3 * (2 * X + 0.5))
    model = CoreMLModel.from_spec(spec, custom={"Swish": lambda x, **_: x})
    with pytest.raises(EmulatorError, match="must give 2 arrays of numbers for layer 'inside'; it gave 1"):
        model.predict({"x": X})


def test_without_a_function_it_is_refused_by_name(tmp_path: Path) -> None:
    spec = _spec()
    spec.neuralNetwork.layers.add(name="other", input=["h"], output=["o"]).custom.className = "Argmax"
    path = tmp_path / "custom.mlmodel"
    path.write_bytes(spec.SerializeToString())
    with pytest.raises(UnsupportedOperationError, match=r"class 'Argmax', 'Swish', whose code is in an app"):
        CoreMLModel(path)
    with pytest.raises(UnsupportedOperationError, match=r"class 'Argmax', .*CoreMLModel\(path, custom="):
        CoreMLModel(path, custom={"Swish": swish})
    assert describe(path)["operations"] == {"activation": 2, "custom": 2}
    assert "custom layers of class" in describe(path)["unsupported"]
    assert list(weights(path)) == ["inside.weights[0]"]
    step = listing(path).bodies[0].steps[1]
    assert dict(step.arguments)["parameters.beta"] == "0.5"
    assert any("custom layers run on the CPU" in note for note in listing(path).neural_engine)


def _raises(x: np.ndarray, **_: Any) -> np.ndarray:
    raise ValueError("too cold")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_raises, "class 'Swish' failed: ValueError: too cold"),
        (lambda x: x, "class 'Swish' failed: TypeError"),
        (lambda x, **_: None, "it gave 1: object"),
        (lambda x, **_: "text", "it gave 1: <U4"),
    ],
)
def test_what_a_function_does_wrong_is_said(function: Any, message: str) -> None:
    model = CoreMLModel.from_spec(_spec(), custom={"Swish": function})
    with pytest.raises(EmulatorError, match=message):
        model.predict({"x": X})


@pytest.mark.parametrize("custom", [swish, {"Swish": 1}, ["Swish"]])
def test_custom_takes_functions_by_class(custom: Any) -> None:
    with pytest.raises(EmulatorError, match="custom takes a dictionary"):
        CoreMLModel.from_spec(_spec(), custom=custom)
