"""Generalized linear models, held against scikit-learn and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier

from export_pipeline.emulator import CoreMLModel
from export_pipeline.errors import EmulatorError
from tests.emulator.kinds.specs import SEED, classifier, predicted, probabilities, regressor, rows

LABELS = ["ant", "bee", "cat"]


def _data(classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(SEED)
    x = generator.normal(size=(60, 4))
    return x, (x @ generator.normal(size=(4, classes))).argmax(axis=1)


def _glm(kind: str, weights: np.ndarray, offset: Any, spec: Any) -> Any:
    params = getattr(spec, kind)
    rows(weights, params.weights)
    params.offset.extend(np.atleast_1d(offset).tolist())
    return params


def test_regressor_as_scikit_learn() -> None:
    x, y = _data(2)
    fitted = Ridge().fit(x, y + x[:, 0])
    spec = regressor({"x": (4,)})
    _glm("glmRegressor", fitted.coef_, fitted.intercept_, spec)
    model = CoreMLModel.from_spec(spec)
    np.testing.assert_allclose([model.predict({"x": row})["y"] for row in x], fitted.predict(x), rtol=1e-12)


@pytest.mark.parametrize(
    ("transform", "link"),
    [(0, lambda z: z), (1, lambda z: 1 / (1 + np.exp(-z))), (2, norm.cdf)],
    ids=["none", "logit", "probit"],
)
def test_links_of_a_regressor_of_several_values(transform: int, link: Any) -> None:
    generator = np.random.default_rng(SEED)
    weights, offset, x = (generator.normal(size=size) for size in ((3, 2), 3, 2))
    spec = regressor({"a": "double", "b": "int64"}, (3,))
    _glm("glmRegressor", weights, offset, spec).postEvaluationTransform = transform
    found = predicted(spec, {"a": x[0], "b": 7})["y"]
    np.testing.assert_allclose(found, link(weights @ [x[0], 7] + offset), rtol=1e-12)


def test_probit_is_exact_in_the_tail() -> None:
    spec = regressor({"x": "double"})
    _glm("glmRegressor", np.array([[1.0]]), 0.0, spec).postEvaluationTransform = 2
    assert predicted(spec, {"x": -30})["y"] == pytest.approx(norm.cdf(-30), rel=1e-12)


@pytest.mark.parametrize("encoding", [0, 1], ids=["reference", "one against the rest"])
def test_two_classes_as_scikit_learn(encoding: int) -> None:
    x, y = _data(2)
    fitted = LogisticRegression().fit(x, y)
    spec, params = classifier("glmClassifier", {"x": (4,)}, [0, 1])
    _glm("glmClassifier", fitted.coef_, fitted.intercept_, spec)
    params.classEncoding = encoding
    labels, found = probabilities(spec, x)
    np.testing.assert_allclose(found, fitted.predict_proba(x), rtol=1e-9)
    assert labels == fitted.predict(x).tolist()


def test_each_class_against_the_rest_as_scikit_learn() -> None:
    x, y = _data(3)
    fitted = OneVsRestClassifier(LogisticRegression()).fit(x, y)
    weights = np.concatenate([one.coef_ for one in fitted.estimators_])
    spec, params = classifier("glmClassifier", {"x": (4,)}, LABELS)
    _glm("glmClassifier", weights, np.concatenate([one.intercept_ for one in fitted.estimators_]), spec)
    params.classEncoding = 1
    labels, found = probabilities(spec, x)
    np.testing.assert_allclose(found, fitted.predict_proba(x), rtol=1e-9)
    assert labels == [LABELS[k] for k in fitted.predict(x)]


def test_a_reference_class_as_scikit_learn() -> None:
    """Softmax with the scores of the first class taken off all."""
    x, y = _data(3)
    fitted = LogisticRegression().fit(x, y)
    spec, _ = classifier("glmClassifier", {"x": (4,)}, LABELS)
    _glm("glmClassifier", fitted.coef_[1:] - fitted.coef_[0], fitted.intercept_[1:] - fitted.intercept_[0], spec)
    labels, found = probabilities(spec, x)
    np.testing.assert_allclose(found, fitted.predict_proba(x), rtol=1e-9)
    assert labels == [LABELS[k] for k in fitted.predict(x)]


def test_probit_of_two_classes() -> None:
    spec, params = classifier("glmClassifier", {"x": (1,)}, ["no", "yes"])
    _glm("glmClassifier", np.array([[2.0]]), 1.0, spec)
    params.postEvaluationTransform = 1
    found = predicted(spec, {"x": [0.5]})
    assert found["probabilities"] == pytest.approx({"no": norm.cdf(-2), "yes": norm.cdf(2)})
    assert found["label"] == "yes"


def test_what_is_wrong_is_said() -> None:
    spec = regressor({"x": (3,)})
    params = _glm("glmRegressor", np.ones((1, 2)), 0.0, spec)
    with pytest.raises(EmulatorError, match="is for 2 numbers, but its inputs hold 3"):
        CoreMLModel.from_spec(spec)
    params.offset.append(1)
    with pytest.raises(EmulatorError, match="2 offsets for 1 rows"):
        CoreMLModel.from_spec(spec)
    params.ClearField("weights")
    with pytest.raises(EmulatorError, match="rows of"):
        CoreMLModel.from_spec(spec)
    good = regressor({"x": (2,)})
    _glm("glmRegressor", np.ones((1, 2)), 0.0, good).postEvaluationTransform = 9
    with pytest.raises(EmulatorError, match="has postEvaluationTransform 9, which is not known"):
        CoreMLModel.from_spec(good)
    spec, params = classifier("glmClassifier", {"x": (2,)}, LABELS)
    _glm("glmClassifier", np.ones((2, 2)), [0, 0], spec)
    params.postEvaluationTransform = 1
    with pytest.raises(EmulatorError, match="Probit and 3 classes; allowed: 2"):
        CoreMLModel.from_spec(spec)
    params.classEncoding = 1
    with pytest.raises(EmulatorError, match="2 rows of weights for 3 classes; allowed: 3"):
        CoreMLModel.from_spec(spec)
    params.stringClassLabels.vector[0] = "cat"
    with pytest.raises(EmulatorError, match="class label twice"):
        CoreMLModel.from_spec(spec)
    params.ClearField("ClassLabels")
    with pytest.raises(EmulatorError, match="no class labels"):
        CoreMLModel.from_spec(spec)
