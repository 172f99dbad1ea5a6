"""Nearest neighbours, held against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from export_pipeline.emulator import CoreMLModel
from export_pipeline.errors import EmulatorError
from tests.emulator.kinds.specs import SEED, classifier, predicted, probabilities, rows


def _spec(x: np.ndarray, labels: list[Any], count: int) -> Any:
    spec, params = classifier("kNearestNeighborsClassifier", {"x": (x.shape[1],)}, labels)
    rows(x, params.nearestNeighborsIndex.floatSamples, "vector")
    params.nearestNeighborsIndex.numberOfDimensions = x.shape[1]
    params.nearestNeighborsIndex.singleKdTreeIndex.leafSize = 30
    params.nearestNeighborsIndex.squaredEuclideanDistance.SetInParent()
    params.numberOfNeighbors.defaultValue = count
    params.uniformWeighting.SetInParent()
    return spec


def _data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(SEED)
    x = generator.normal(size=(50, 3)).astype(np.float32).astype(np.float64)
    y = (x @ generator.normal(size=(3, 3))).argmax(axis=1)
    return x, y, generator.normal(size=(40, 3))


def test_votes_as_scikit_learn() -> None:
    x, y, asked = _data()
    fitted = KNeighborsClassifier(5).fit(x, y)
    labels, found = probabilities(_spec(x, y.tolist(), 5), asked)
    order = [list(dict.fromkeys(y.tolist())).index(k) for k in range(3)]
    np.testing.assert_allclose(found[:, order], fitted.predict_proba(asked), rtol=1e-12)
    clear = [np.sum(row == row.max()) == 1 for row in found]  # of equals Core ML's document says nothing
    assert sum(clear) > 30
    assert all(a == b for a, b, c in zip(labels, fitted.predict(asked), clear, strict=True) if c)


def test_weights_by_distance_as_scikit_learn() -> None:
    x, y, asked = _data()
    fitted = KNeighborsClassifier(5, weights=lambda d: 1 / d**2).fit(x, y)
    spec = _spec(x, y.tolist(), 5)
    spec.kNearestNeighborsClassifier.inverseDistanceWeighting.SetInParent()
    labels, found = probabilities(spec, asked)
    order = [list(dict.fromkeys(y.tolist())).index(k) for k in range(3)]
    np.testing.assert_allclose(found[:, order], fitted.predict_proba(asked), rtol=1e-9, atol=1e-12)
    assert labels == fitted.predict(asked).tolist()
    assert predicted(spec, {"x": x[0]})["label"] == y[0]  # at no distance at all


def test_fewer_samples_than_neighbours_and_none() -> None:
    spec = _spec(np.array([[0.0], [1.0]]), ["a", "b"], 3)
    assert predicted(spec, {"x": [0.2]}) == {"label": "a", "probabilities": {"a": 0.5, "b": 0.5}}
    params = spec.kNearestNeighborsClassifier
    params.nearestNeighborsIndex.ClearField("floatSamples")
    params.stringClassLabels.ClearField("vector")
    with pytest.raises(EmulatorError, match="holds no samples yet, and no default label"):
        predicted(spec, {"x": [0]})
    params.defaultStringLabel = "?"
    assert predicted(spec, {"x": [0]}) == {"label": "?", "probabilities": {}}


def test_what_is_wrong_is_said() -> None:
    spec = _spec(np.array([[0.0], [1.0]]), ["a", "b"], 3)
    params = spec.kNearestNeighborsClassifier
    params.numberOfNeighbors.range.maxValue = 2
    with pytest.raises(EmulatorError, match="asks 3 neighbours, which its own range excludes"):
        CoreMLModel.from_spec(spec)
    params.numberOfNeighbors.defaultValue = -1
    with pytest.raises(EmulatorError, match="asks -1 neighbours; allowed: 1 or more"):
        CoreMLModel.from_spec(spec)
    params.numberOfNeighbors.ClearField("AllowedValues")
    params.numberOfNeighbors.defaultValue = 1
    params.stringClassLabels.vector.append("c")
    with pytest.raises(EmulatorError, match="3 labels for 2 samples"):
        CoreMLModel.from_spec(spec)
    params.nearestNeighborsIndex.floatSamples[0].vector.append(1)
    with pytest.raises(EmulatorError, match="a sample of another length than 1"):
        CoreMLModel.from_spec(spec)
