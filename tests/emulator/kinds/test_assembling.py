"""Vectorizer, extractor, scaler, normalizer and identity, held against scikit-learn and NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler, normalize

from export_pipeline.emulator import CoreMLModel
from export_pipeline.errors import EmulatorError
from tests.emulator.kinds.specs import INT, SEED, base, predicted


def test_feature_vectorizer() -> None:
    spec = base({"a": "double", "b": "int64", "c": (2, 2)}, {"f": (6,)})
    for name, size in (("c", 4), ("a", 1), ("b", 1)):
        spec.featureVectorizer.inputList.add(inputColumn=name, inputDimensions=size)
    data = {"a": 0.5, "b": 2, "c": [[3, 4], [5, 6]]}
    np.testing.assert_array_equal(predicted(spec, data)["f"], [3, 4, 5, 6, 0.5, 2])
    spec.featureVectorizer.inputList[0].inputDimensions = 3
    with pytest.raises(EmulatorError, match="takes 3 numbers from the input 'c'"):
        CoreMLModel.from_spec(spec)
    spec.featureVectorizer.inputList[0].inputColumn = "d"
    with pytest.raises(EmulatorError, match="refers to the input 'd', which the model does not declare"):
        CoreMLModel.from_spec(spec)


def test_feature_vectorizer_of_dictionaries() -> None:
    spec = base({"a": "double", "d": "dictionary of int64"}, {"f": (4,)})
    for name, size in (("a", 1), ("d", 3)):
        spec.featureVectorizer.inputList.add(inputColumn=name, inputDimensions=size)
    for given, expected in (({2: 5.0, 0: 4}, [0.5, 4, 0, 5]), ({}, [0.5, 0, 0, 0])):
        np.testing.assert_array_equal(predicted(spec, {"a": 0.5, "d": given})["f"], expected)
    for key in (3, -1):
        with pytest.raises(EmulatorError, match=f"has the key {key}; allowed: 0 to 2"):
            predicted(spec, {"a": 0.5, "d": {key: 1.0}})
    spec.featureVectorizer.inputList[1].inputDimensions = 1 << 40
    with pytest.raises(EmulatorError, match="memory_limit"):
        CoreMLModel.from_spec(spec)
    texts = base({"d": "dictionary of string"}, {"f": (3,)})
    texts.featureVectorizer.inputList.add(inputColumn="d", inputDimensions=3)
    with pytest.raises(EmulatorError, match="takes 3 numbers from the input 'd'"):
        CoreMLModel.from_spec(texts)


def test_array_feature_extractor() -> None:
    spec = base({"x": (2, 3)}, {"y": (2,)})
    spec.arrayFeatureExtractor.extractIndex.extend([5, 0])
    np.testing.assert_array_equal(predicted(spec, {"x": np.arange(6).reshape(2, 3)})["y"], [5, 0])
    one = base({"x": (3,)}, {"y": "double"})
    one.arrayFeatureExtractor.extractIndex.append(1)
    assert predicted(one, {"x": [1, 2, 3]})["y"] == 2
    spec.arrayFeatureExtractor.extractIndex.append(6)
    with pytest.raises(EmulatorError, match="is for 7 numbers, but its inputs hold 6"):
        CoreMLModel.from_spec(spec)


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler])
def test_scaler_as_scikit_learn(kind: Any) -> None:
    x = np.random.default_rng(SEED).normal(3, 2, (20, 4))
    fitted = kind().fit(x)
    spec = base({"x": (4,)}, {"y": (4,)})
    shift = -fitted.mean_ if kind is StandardScaler else fitted.min_ / fitted.scale_
    spec.scaler.shiftValue.extend(shift.tolist())
    spec.scaler.scaleValue.extend((1 / fitted.scale_ if kind is StandardScaler else fitted.scale_).tolist())
    found = [predicted(spec, {"x": row})["y"] for row in x]
    np.testing.assert_allclose(found, fitted.transform(x), rtol=1e-9, atol=1e-12)
    spec.scaler.shiftValue.append(0)
    with pytest.raises(EmulatorError, match="5 shifts and 4 scales"):
        CoreMLModel.from_spec(spec)


def test_one_scale_for_all_and_whole_numbers() -> None:
    spec = base({"x": (2, 2)}, {"y": (2, 2)})
    spec.scaler.scaleValue.append(2)
    np.testing.assert_array_equal(predicted(spec, {"x": [[1, 2], [3, 4]]})["y"], [[2, 4], [6, 8]])
    whole = base({"x": "int64"}, {"y": "int64"})
    whole.scaler.scaleValue.append(0.5)
    assert predicted(whole, {"x": 6}) == {"y": 3}
    with pytest.raises(EmulatorError, match="declared as int64, which cannot hold fractions"):
        predicted(whole, {"x": 5})


@pytest.mark.parametrize(("number", "norm"), [(0, "max"), (1, "l1"), (2, "l2")])
def test_normalizer_as_scikit_learn(number: int, norm: str) -> None:
    spec = base({"x": (4,)}, {"y": (4,)})
    spec.normalizer.normType = number
    generator = np.random.default_rng(SEED)
    # The greatest value is that of the magnitudes to scikit-learn, and of the values to Core ML.
    x = generator.random((10, 4)) if norm == "max" else generator.normal(size=(10, 4))
    x[0] = 0
    found = [predicted(spec, {"x": row})["y"] for row in x]
    np.testing.assert_allclose(found, normalize(x, norm), rtol=1e-12)


def test_identity() -> None:
    spec = base({"a": "double", "b": "string"}, {"c": "double", "d": "string"})
    spec.identity.SetInParent()
    assert predicted(spec, {"a": 1.5, "b": "text"}) == {"c": 1.5, "d": "text"}
    same = base({"a": "double", "b": "double"}, {"b": "double", "a": "double"})
    same.identity.SetInParent()
    assert predicted(same, {"a": 1, "b": 2}) == {"a": 1, "b": 2}
    same.description.output.add(name="c").type.doubleType.SetInParent()
    with pytest.raises(EmulatorError, match="2 inputs and 3 outputs"):
        CoreMLModel.from_spec(same)


def _scaler(kind: Any) -> CoreMLModel:
    spec = base({"x": kind}, {"y": kind})
    spec.scaler.SetInParent()
    return CoreMLModel.from_spec(spec)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("double", "1", "takes a number, not str"),
        ("double", [1, 2], "takes a number, not list"),
        ("double", np.ones(2), r"takes a number, not an array of shape \(2,\)"),
        ("double", True, "takes a number, not bool"),
        ("double", None, "takes a number, not NoneType"),
        ("double", 10**400, "takes a number, not int"),
        ("int64", 1.5, "takes a whole number of 64 bits, not 1.5"),
        ("int64", np.inf, "takes a whole number of 64 bits, not inf"),
        ("int64", 1 << 63, "takes a whole number of 64 bits, not int"),
        ((2,), [1, 2, 3], r"has shape \(3,\); allowed: 2"),
        ((2,), ["a", "b"], "takes an array of float64, 2; not text"),
        ((2,), {"a": 1}, "takes an array of float64, 2; not"),
        ((2,), [[1], [2, 3]], "takes an array of float64, 2; not list"),
    ],
)
def test_inputs_are_checked(kind: Any, value: Any, message: str) -> None:
    with pytest.raises(EmulatorError, match=message):
        _scaler(kind).predict({"x": value})


def test_names_are_checked_and_arrays_of_one_value_are_numbers() -> None:
    model = _scaler("double")
    assert model.predict({"x": np.float32(2)}) == model.predict({"x": np.array([2])}) == {"y": 2.0}
    for data, message in (({}, "misses input 'x'"), ({"x": 1, 7: 2}, "does not know input '7'"), ([1], "a dictionary")):
        with pytest.raises(EmulatorError, match=message):
            model.predict(data)
    with pytest.raises(EmulatorError, match="is a scaler, so it is no ONNX model"):
        _ = model.onnx_model
    assert model.stress({"x": 3}).outputs == {"y": 3.0}


def test_outputs_are_as_declared() -> None:
    spec = base({"x": (2,)}, {"y": (1, 2)})
    spec.description.output[0].type.multiArrayType.dataType = INT
    spec.scaler.SetInParent()
    found = predicted(spec, {"x": [1, 2]})["y"]
    assert (found.dtype, found.shape) == (np.int32, (1, 2))
    with pytest.raises(EmulatorError, match="declared as int32, which cannot hold NaN"):
        predicted(spec, {"x": [1, np.nan]})
    spec.description.output[0].type.multiArrayType.shape[1] = 3
    with pytest.raises(EmulatorError, match="2 numbers for its output 'y'"):
        predicted(spec, {"x": [1, 2]})
