"""Dictionaries, categories and missing values, held against scikit-learn and the words of the format."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction import DictVectorizer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from export_pipeline.emulator import CoreMLModel
from export_pipeline.errors import EmulatorError
from tests.emulator.kinds.specs import SEED, base, predicted


def test_dict_vectorizer_as_scikit_learn() -> None:
    rows = [{"a": 4.0, "c": 8.0}, {"b": 1.5, "z": 2.0}, {}]
    fitted = DictVectorizer(sparse=False).fit(rows)
    spec = base({"x": "dictionary of string"}, {"y": (4,)})
    spec.dictVectorizer.stringToIndex.vector.extend(fitted.feature_names_)
    for row in rows:
        np.testing.assert_array_equal(predicted(spec, {"x": row})["y"], fitted.transform(row)[0])
    unseen = {"q": 1.0, "b": 2.0}
    np.testing.assert_array_equal(predicted(spec, {"x": unseen})["y"], fitted.transform([unseen])[0])


def test_dict_vectorizer_of_whole_numbers_that_declares_texts() -> None:
    rows = [{7: 1.0, 30: 2.5}, {12: 4.0}, {99: 1.0}]
    fitted = DictVectorizer(sparse=False).fit(rows[:2])
    spec = base({"x": "dictionary of string"}, {"y": (3,)})
    spec.dictVectorizer.int64ToIndex.vector.extend(fitted.feature_names_)
    for row in rows:
        np.testing.assert_array_equal(predicted(spec, {"x": row})["y"], fitted.transform([row])[0])
    texts = base({"x": "dictionary of int64"}, {"y": (1,)})
    texts.dictVectorizer.stringToIndex.vector.append("a")
    with pytest.raises(EmulatorError, match="maps texts, but its input 'x' holds none"):
        CoreMLModel.from_spec(texts)


def test_dict_vectorizer_of_whole_numbers_to_a_dictionary() -> None:
    spec = base({"x": "dictionary of int64"}, {"y": "dictionary of int64"})
    spec.dictVectorizer.int64ToIndex.vector.extend([30, 10, 20])
    for given in ({10: 0.5, 30: 2}, {"10": 0.5, "30": 2}):  # JSON has no other keys than texts
        assert predicted(spec, {"x": given}) == {"y": {1: 0.5, 0: 2.0}}
    for given, message in (({"a": 1}, "whole numbers as keys"), ({1: "a"}, "a dictionary of numbers"),
                           ({1: 1, "b": 2}, "its keys all texts"), ([1], "not list")):  # fmt: skip
        with pytest.raises(EmulatorError, match=message):
            predicted(spec, {"x": given})


@pytest.mark.parametrize("categories", [["red", "green", "blue"], [-3, 7, 9]])
def test_one_hot_encoder_as_scikit_learn(categories: list[Any]) -> None:
    word = "string" if isinstance(categories[0], str) else "int64"
    spec = base({"x": word}, {"y": (3,)})
    getattr(spec.oneHotEncoder, f"{word}Categories").vector.extend(categories)
    fitted = OneHotEncoder(categories=[categories], sparse_output=False).fit([[categories[0]]])
    for category in categories:
        np.testing.assert_array_equal(predicted(spec, {"x": category})["y"], fitted.transform([[category]])[0])
    unknown = "grey" if word == "string" else 8
    with pytest.raises(EmulatorError, match=f"is {unknown!r}; allowed: {categories[0]!r}, "):
        predicted(spec, {"x": unknown})
    spec.oneHotEncoder.handleUnknown = 1
    np.testing.assert_array_equal(predicted(spec, {"x": unknown})["y"], np.zeros(3))


def test_one_hot_encoder_to_a_dictionary() -> None:
    spec = base({"x": "int64"}, {"y": "dictionary of int64"})
    spec.oneHotEncoder.int64Categories.vector.extend([5, 6])
    spec.oneHotEncoder.outputSparse, spec.oneHotEncoder.handleUnknown = True, 1
    assert [predicted(spec, {"x": x})["y"] for x in (5, 6, 7)] == [{0: 1.0}, {1: 1.0}, {}]
    spec.oneHotEncoder.outputSparse = False
    with pytest.raises(EmulatorError, match="gives an array, but declares dictionaryType"):
        CoreMLModel.from_spec(spec)


def test_one_hot_encoder_of_one_name_for_input_and_output() -> None:
    spec = base({"x": "int64"}, {"x": "dictionary of int64"})
    spec.oneHotEncoder.int64Categories.vector.extend([5, 6])
    spec.oneHotEncoder.outputSparse = True
    assert predicted(spec, {"x": 6}) == {"x": {1: 1.0}}


def test_categorical_mapping_both_ways() -> None:
    spec = base({"x": "string"}, {"y": "int64"})
    spec.categoricalMapping.stringToInt64Map.map["a"] = 7
    assert predicted(spec, {"x": "a"}) == {"y": 7}
    with pytest.raises(EmulatorError, match="is 'b', which it does not map"):
        predicted(spec, {"x": "b"})
    back = base({"x": "int64"}, {"y": "string"})
    back.categoricalMapping.int64ToStringMap.map[7] = "a"
    back.categoricalMapping.strValue = "?"
    assert [predicted(back, {"x": x})["y"] for x in (7, 8)] == ["a", "?"]
    back.categoricalMapping.int64Value = 3
    with pytest.raises(EmulatorError, match="default of another type"):
        CoreMLModel.from_spec(back)


@pytest.mark.parametrize("strategy", ["mean", "median"])
def test_imputer_of_arrays_as_scikit_learn(strategy: str) -> None:
    x = np.random.default_rng(SEED).normal(size=(20, 3))
    x[::3, 1] = np.nan
    fitted = SimpleImputer(strategy=strategy).fit(x)
    spec = base({"x": (3,)}, {"y": (3,)})
    spec.imputer.imputedDoubleArray.vector.extend(fitted.statistics_.tolist())
    spec.imputer.replaceDoubleValue = np.nan
    np.testing.assert_array_equal([predicted(spec, {"x": row})["y"] for row in x], fitted.transform(x))
    spec.imputer.imputedDoubleArray.vector.append(1)
    with pytest.raises(EmulatorError, match="is for 4 numbers"):
        CoreMLModel.from_spec(spec)


@pytest.mark.parametrize(
    ("kind", "imputed", "replaced", "pairs"),
    [
        ("double", {"imputedDoubleValue": 1.5}, {}, [(np.nan, 1.5), (2.0, 2.0)]),
        ("double", {"imputedDoubleValue": 1.5}, {"replaceDoubleValue": -1}, [(-1.0, 1.5), (2.0, 2.0)]),
        ("int64", {"imputedInt64Value": 5}, {"replaceInt64Value": 0}, [(0, 5), (1, 1)]),
        ("string", {"imputedStringValue": "none"}, {"replaceStringValue": ""}, [("", "none"), ("a", "a")]),
    ],
)
def test_imputer_of_values(kind: str, imputed: Any, replaced: Any, pairs: list[tuple[Any, Any]]) -> None:
    spec = base({"x": kind}, {"y": kind})
    spec.description.input[0].type.isOptional = True
    for name, value in {**imputed, **replaced}.items():
        setattr(spec.imputer, name, value)
    for given, wanted in pairs:
        assert predicted(spec, {"x": given}) == {"y": wanted}
    assert predicted(spec, {}) == {"y": next(iter(imputed.values()))}


def test_imputer_of_dictionaries_and_whole_arrays() -> None:
    spec = base({"x": "dictionary of string"}, {"y": "dictionary of string"})
    spec.imputer.imputedStringDictionary.map.update({"a": 1.0, "b": 2.0})
    assert predicted(spec, {"x": {"b": 5, "a": np.nan}}) == {"y": {"a": 1.0, "b": 5.0}}
    whole = base({"x": (3,)}, {"y": (3,)})
    whole.imputer.imputedInt64Array.vector.extend([7, 8, 9])
    whole.imputer.replaceInt64Value = 0
    np.testing.assert_array_equal(predicted(whole, {"x": [1, 0, 0]})["y"], [1, 8, 9])
    whole.imputer.replaceStringValue = "x"
    with pytest.raises(EmulatorError, match="imputedInt64Array, which does not go with replaceStringValue"):
        CoreMLModel.from_spec(whole)
