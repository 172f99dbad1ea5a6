"""Classifiers, regressors, multifunction programs, states, and shapes that depend on data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel, describe, install
from export_pipeline.emulator.coremltools_quietly import quiet
from export_pipeline.errors import EmulatorError
from tests.emulator.mil import ct, mb

PROBABILITIES = np.array([[0.2, 0.5, 0.3]], np.float32)
LABELS = ["cat", "dog", "fox"]


@pytest.mark.parametrize("labels", [LABELS, [4, 5, 6]])
def test_program_classifier(labels: list[Any], save_program: Callable[..., Path]) -> None:
    path = save_program(
        lambda x: mb.identity(x=mb.mul(x=x, y=np.float32(1))), [(1, 3)],
        classifier_config=ct.ClassifierConfig(labels, predicted_feature_name="label"),
    )  # fmt: skip
    found = CoreMLModel(path).predict({"x": PROBABILITIES})
    assert found["label"] == labels[1]
    (probabilities,) = (value for name, value in found.items() if name != "label")
    assert probabilities == pytest.approx(dict(zip(labels, PROBABILITIES[0], strict=True)))


def _network(mode: str | None) -> Any:
    from coremltools.models.neural_network import NeuralNetworkBuilder

    inputs = [("x", ct.models.datatypes.Array(3))]
    builder = NeuralNetworkBuilder(inputs, [("y", ct.models.datatypes.Array(3))], mode=mode)
    builder.add_activation("double", "LINEAR", "x", "y", [2, 0])
    if mode == "classifier":
        builder.set_class_labels(LABELS, prediction_blob="y")
    return builder.spec


def test_network_classifier() -> None:
    found = CoreMLModel.from_spec(_network("classifier")).predict({"x": PROBABILITIES[0]})
    assert found["classLabel"] == "dog"
    probabilities = next(value for value in found.values() if isinstance(value, dict))
    assert probabilities == pytest.approx(dict(zip(LABELS, 2 * PROBABILITIES[0], strict=True)))


def test_network_regressor() -> None:
    found = CoreMLModel.from_spec(_network("regressor")).predict({"x": PROBABILITIES[0]})
    np.testing.assert_allclose(found["y"], 2 * PROBABILITIES[0])


def test_pipeline(tmp_path: Path) -> None:
    double, spec = _network("classifier"), ct.proto.Model_pb2.Model()
    first = _network(None)
    first.description.output[0].name = first.neuralNetwork.layers[0].output[0] = "z"
    double.description.input[0].name = double.neuralNetworkClassifier.layers[0].input[0] = "z"
    spec.specificationVersion = 4
    spec.description.CopyFrom(double.description)
    spec.description.input[0].name = "x"
    spec.pipelineClassifier.pipeline.models.extend([first, double])
    path = tmp_path / "stages.mlmodel"
    path.write_bytes(spec.SerializeToString())
    found = CoreMLModel(path).predict({"x": PROBABILITIES[0]})
    assert found["classLabel"] == "dog"
    assert describe(path)["operations"] == {"activation": 2}
    probabilities = next(value for value in found.values() if isinstance(value, dict))
    assert probabilities == pytest.approx(dict(zip(LABELS, 4 * PROBABILITIES[0], strict=True)))
    spec.pipelineClassifier.pipeline.models[0].glmRegressor.offset.append(0)
    with pytest.raises(EmulatorError, match="type 'glmRegressor'"):
        CoreMLModel.from_spec(spec)


def test_functions(save_program: Callable[..., Path], tmp_path: Path) -> None:
    paths = {
        name: save_program(lambda x, f=factor: mb.mul(x=x, y=np.float32(f), name="y"), [(2,)], target="iOS18")
        for name, factor in (("double", 2), ("triple", 3))
    }
    described = ct.utils.MultiFunctionDescriptor()
    for name, path in paths.items():
        described.add_function(str(path), src_function_name="main", target_function_name=name)
    described.default_function_name = "double"
    both = tmp_path / "both.mlpackage"
    with quiet():
        ct.utils.save_multifunction(described, str(both))
    x = np.array([1, 2], np.float32)
    np.testing.assert_array_equal(CoreMLModel(both).run({"x": x})["y"], 2 * x)
    np.testing.assert_array_equal(CoreMLModel(both, function="triple").run({"x": x})["y"], 3 * x)
    with pytest.raises(EmulatorError, match="no function 'main'; its functions: double, triple"):
        CoreMLModel(both, function="main")


def _counter() -> Any:
    @mb.program(input_specs=[mb.TensorSpec((2,), ct.converters.mil.mil.types.fp16),
                             mb.StateTensorSpec((2,), ct.converters.mil.mil.types.fp16)],
                opset_version=ct.target.iOS18)  # fmt: skip
    def program(x: Any, total: Any) -> Any:
        return mb.coreml_update_state(state=total, value=mb.add(x=mb.read_state(input=total), y=x))

    with quiet():
        return ct.convert(program, convert_to="mlprogram", minimum_deployment_target=ct.target.iOS18)


def test_states(monkeypatch: pytest.MonkeyPatch) -> None:
    model_class = ct.models.MLModel
    monkeypatch.setattr(model_class, "predict", model_class.predict)
    monkeypatch.setattr(model_class, "make_state", model_class.make_state)
    install()
    converted = _counter()
    model = CoreMLModel.from_spec(converted.get_spec(), converted.weights_dir)
    state, x = model.make_state(), np.array([1, 2], np.float16)
    for count in (1, 2, 3):
        (found,) = model.predict({"x": x}, state).values()
        np.testing.assert_array_equal(found, count * x)
    (fresh,) = model.predict({"x": x}).values()
    np.testing.assert_array_equal(fresh, x)
    theirs = converted.make_state()
    converted.predict({"x": x}, theirs)
    np.testing.assert_array_equal(theirs.read_state("total"), x)
    theirs.write_state("total", 10 * x)
    (found,) = converted.predict({"x": x}, theirs).values()
    np.testing.assert_array_equal(found, 11 * x)


def test_shapes_that_depend_on_data(save_program: Callable[..., Path]) -> None:
    def build(x: Any) -> Any:
        places = mb.non_zero(x=x)
        values = mb.gather_nd(x=x, indices=places)
        ordered = mb.argsort(x=values, axis=0, ascending=True)
        return mb.mul(x=mb.gather(x=values, indices=ordered, axis=0), y=np.float32(2))

    model = CoreMLModel(save_program(build, [(2, 3)]))
    for x in (np.array([[3, 0, 1], [0, 2, 0]], np.float32), np.array([[0, 0, 9], [0, 0, 0]], np.float32)):
        (found,) = model.run({"x": x}).values()
        np.testing.assert_array_equal(found, np.sort(x[x != 0]) * 2)
    with pytest.raises(EmulatorError, match="that ONNX cannot say"):
        _ = model.onnx_model


def test_loops_are_bounded(save_program: Callable[..., Path]) -> None:
    path = save_program(
        lambda x: mb.while_loop(_cond=lambda v: mb.less(x=mb.reduce_max(x=v, axes=[0]), y=np.float32(1e9)),
                                _body=lambda v: mb.mul(x=v, y=np.float32(0.5)), loop_vars=(x,)), [(2,)],
    )  # fmt: skip
    model = CoreMLModel(path, loop_limit=50)
    with pytest.raises(EmulatorError, match="a loop runs more than 50 rounds"):
        model.run({"x": np.ones(2)})


def test_memory_is_bounded(save_program: Callable[..., Path]) -> None:
    path = save_program(lambda x: mb.tile(x=x, reps=[1000, 1000]), [(2, 3)])
    assert CoreMLModel(path).run({"x": np.ones((2, 3))})
    with pytest.raises(EmulatorError, match="allowed: 1000000 bytes"):
        CoreMLModel(path, memory_limit=1_000_000)
