"""Classifiers, regressors, multifunction programs, states, and shapes that depend on data."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel, describe
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
    spec.pipelineClassifier.pipeline.models[0].wordTagger.revision = 1
    with pytest.raises(EmulatorError, match="type 'wordTagger'"):
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


@pytest.mark.usefixtures("installed")
def test_states() -> None:
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


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself is there")
@pytest.mark.usefixtures("installed")
def test_what_predict_does_not_take_is_refused_as_by_coremltools() -> None:
    model, x = _counter(), np.array([1, 2], np.float16)
    with pytest.raises(TypeError, match="must be either a dict or list of dict"):
        model.predict(x)
    with pytest.raises(TypeError, match="must contain only dictionaries"):
        model.predict([{"x": x}, x])
    with pytest.raises(TypeError, match="not with a list of them"):
        model.predict([{"x": x}], model.make_state())
    for foreign in ({"total": x}, ct.models.model.MLState(object())):
        with pytest.raises(TypeError, match="what this model's make_state"):
            model.predict({"x": x}, foreign)


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself is there")
@pytest.mark.usefixtures("installed")
def test_a_model_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = _counter(), np.array([1, 2], np.float16)
    model.predict({"x": x})
    monkeypatch.setattr(model, "get_spec", lambda: pytest.fail("the protobuf is copied again"))
    monkeypatch.setattr(CoreMLModel, "from_spec", lambda *_, **__: pytest.fail("the model is lowered again"))
    (found,) = model.predict({"x": x}).values()
    np.testing.assert_array_equal(found, x)
    model.make_state()


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
    with pytest.raises(EmulatorError, match="take more than 50 rounds; raise loop_limit"):
        model.run({"x": np.ones(2)})


def _counted(size: int, body: Callable[[Any], Any], start: Any) -> Any:
    """A loop of *size* rounds over a counter, with *body* in each."""

    def once(i: Any, v: Any) -> Any:
        return mb.add(x=i, y=np.float32(1)), body(v)

    return mb.while_loop(_cond=lambda i, v: mb.less(x=i, y=np.float32(size)), _body=once,
                         loop_vars=(mb.mul(x=mb.reduce_sum(x=start, axes=[0]), y=np.float32(0)), start))[1]  # fmt: skip


def test_nested_loops_share_their_bound(save_program: Callable[..., Path]) -> None:
    plus = lambda v: mb.add(x=v, y=np.float32(1))  # noqa: E731
    path = save_program(lambda x: mb.identity(x=_counted(8, lambda v: _counted(8, plus, v), x), name="y"), [(2,)])
    with pytest.raises(EmulatorError, match="take more than 71 rounds"):
        CoreMLModel(path, loop_limit=71).run({"x": np.ones(2)})
    model = CoreMLModel(path, loop_limit=72)  # 8 rounds of 1 + 8
    for _ in range(2):  # each run has all of them
        np.testing.assert_array_equal(model.run({"x": np.ones(2)})["y"], [65, 65])


def test_nested_loops_of_a_network_share_their_bound() -> None:
    from coremltools.models.neural_network import NeuralNetworkBuilder

    ports = [[(name, ct.models.datatypes.Array(3))] for name in "xy"]
    builder = NeuralNetworkBuilder(*ports, disable_rank5_shape_mapping=True)
    builder.add_copy("begin", "x", "h")
    inner = builder
    for name in ("outer", "inner"):
        loop = inner.add_loop(name, max_iterations=8)
        inner = NeuralNetworkBuilder(nn_spec=loop.loop.bodyNetwork)
    inner.add_activation("plus", "LINEAR", "h", "h2", [1, 1])
    inner.add_copy("again", "h2", "h")
    builder.add_copy("end", "h", "y")
    with pytest.raises(EmulatorError, match="take more than 71 rounds"):
        CoreMLModel.from_spec(builder.spec, loop_limit=71).run({"x": np.ones(3)})
    found = CoreMLModel.from_spec(builder.spec, loop_limit=72).run({"x": np.ones(3)})
    np.testing.assert_array_equal(found["y"], np.full(3, 65))


def test_memory_is_bounded(save_program: Callable[..., Path]) -> None:
    path = save_program(lambda x: mb.tile(x=x, reps=[1000, 1000]), [(2, 3)])
    assert CoreMLModel(path).run({"x": np.ones((2, 3))})
    with pytest.raises(EmulatorError, match="allowed: 1000000 bytes"):
        CoreMLModel(path, memory_limit=1_000_000)


def _optional(spec: Any, default: float | None, field: str = "floatDefaultValue") -> Any:
    spec.description.input[0].type.isOptional = True
    if default is not None:
        setattr(spec.description.input[0].type.multiArrayType, field, default)
    return spec


def _program_spec(path: Path) -> Any:
    spec = ct.proto.Model_pb2.Model()
    spec.ParseFromString((path / "Data/com.apple.CoreML/model.mlmodel").read_bytes())
    return spec


@pytest.mark.parametrize("field", ["floatDefaultValue", "doubleDefaultValue", "intDefaultValue"])
def test_optional_inputs_have_a_default(field: str, save_program: Callable[..., Path]) -> None:
    program = _program_spec(save_program(lambda x: mb.mul(x=x, y=np.float32(2), name="y"), [(2,)]))
    for spec, size in ((program, 2), (_network(None), 3)):
        model = CoreMLModel.from_spec(_optional(spec, 3, field))
        assert (model.inputs[0].optional, model.inputs[0].default) == (True, 3)
        np.testing.assert_array_equal(model.run({})["y"], np.full(size, 6))
        np.testing.assert_array_equal(model.run({"x": np.ones(size)})["y"], np.full(size, 2))


def test_an_optional_input_without_default_is_zero_in_a_network_and_asked_for_in_a_program(
    save_program: Callable[..., Path],
) -> None:
    np.testing.assert_array_equal(CoreMLModel.from_spec(_optional(_network(None), None)).run({})["y"], np.zeros(3))
    program = _program_spec(save_program(lambda x: mb.relu(x=x, name="y"), [(2,)]))
    with pytest.raises(EmulatorError, match="input 'x' is optional, but the model has no default value for it"):
        CoreMLModel.from_spec(_optional(program, None)).run({})


def test_a_pipeline_leaves_optional_inputs_to_its_stages() -> None:
    spec = ct.proto.Model_pb2.Model()
    spec.specificationVersion = 5
    stage = _optional(_network(None), 4)
    spec.description.CopyFrom(stage.description)
    spec.pipeline.models.append(stage)
    np.testing.assert_array_equal(CoreMLModel.from_spec(spec).run({})["y"], np.full(3, 8))
