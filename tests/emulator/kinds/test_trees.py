"""Ensembles of trees, held against scikit-learn, and malformed ones."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier

from export_pipeline.emulator import CoreMLModel
from export_pipeline.errors import EmulatorError
from tests.emulator.kinds.specs import SEED, classifier, predicted, probabilities, regressor

LABELS = ["ant", "bee", "cat"]
LEAF = 6


def _data(classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(SEED)
    # scikit-learn compares in float32, Core ML in float64.
    x = generator.normal(size=(80, 4)).astype(np.float32).astype(np.float64)
    return x, (x @ generator.normal(size=(4, classes))).argmax(axis=1)


def _add(params: Any, number: int, tree: Any, leaf: Callable[[np.ndarray], dict[int, float]]) -> None:
    """A tree of scikit-learn."""
    for node in range(tree.node_count):
        proto = params.treeEnsemble.nodes.add(treeId=number, nodeId=node)
        if tree.children_left[node] < 0:
            proto.nodeBehavior = LEAF
            for index, value in leaf(tree.value[node]).items():
                proto.evaluationInfo.add(evaluationIndex=index, evaluationValue=value)
        else:
            proto.branchFeatureIndex, proto.branchFeatureValue = int(tree.feature[node]), float(tree.threshold[node])
            proto.trueChildNodeId, proto.falseChildNodeId = (
                int(tree.children_left[node]),
                int(tree.children_right[node]),
            )
            proto.missingValueTracksTrueChild = bool(tree.missing_go_to_left[node])


def test_a_forest_regresses_as_scikit_learn() -> None:
    x, y = _data(2)
    fitted = RandomForestRegressor(5, random_state=SEED).fit(x, y + x[:, 0])
    spec = regressor({"x": (4,)})
    params = spec.treeEnsembleRegressor
    params.treeEnsemble.numPredictionDimensions = 1
    params.treeEnsemble.basePredictionValue.append(0)
    for number, tree in enumerate(fitted.estimators_):
        _add(params, number, tree.tree_, lambda value: {0: float(value[0, 0]) / 5})
    model = CoreMLModel.from_spec(spec)
    np.testing.assert_allclose([model.predict({"x": row})["y"] for row in x], fitted.predict(x), rtol=1e-9)


def test_a_forest_classifies_as_scikit_learn() -> None:
    x, y = _data(3)
    fitted = RandomForestClassifier(5, random_state=SEED).fit(x, y)
    spec, params = classifier("treeEnsembleClassifier", {"x": (4,)}, LABELS)
    params.treeEnsemble.numPredictionDimensions = 3
    for number, tree in enumerate(fitted.estimators_):
        _add(params, number, tree.tree_, lambda value: dict(enumerate((value[0] / value.sum() / 5).tolist())))
    labels, found = probabilities(spec, x)
    np.testing.assert_allclose(found, fitted.predict_proba(x), rtol=1e-9, atol=1e-12)
    assert labels == [LABELS[k] for k in fitted.predict(x)]


@pytest.mark.parametrize(("classes", "transform"), [(2, 2), (2, 3), (3, 1)], ids=["logistic", "zero", "softmax"])
def test_boosted_trees_as_scikit_learn(classes: int, transform: int) -> None:
    x, y = _data(classes)
    fitted = GradientBoostingClassifier(n_estimators=4, max_depth=2, random_state=SEED).fit(x, y)
    spec, params = classifier("treeEnsembleClassifier", {"x": (4,)}, list(range(classes)))
    size = 1 if classes == 2 else 3
    params.treeEnsemble.numPredictionDimensions = size
    params.postEvaluationTransform = transform
    params.treeEnsemble.basePredictionValue.extend(fitted._raw_predict_init(x[:1])[0].tolist())
    for stage, trees in enumerate(fitted.estimators_):
        for k, tree in enumerate(trees):
            _add(params, stage * size + k, tree.tree_, lambda v, k=k: {k: float(v[0, 0]) * fitted.learning_rate})
    labels, found = probabilities(spec, x)
    np.testing.assert_allclose(found, fitted.predict_proba(x), rtol=1e-7)
    assert labels == fitted.predict(x).tolist()


def test_missing_values_as_scikit_learn() -> None:
    x, y = _data(3)
    x[np.random.default_rng(SEED).random(x.shape) < 0.3] = np.nan
    fitted = DecisionTreeClassifier(random_state=SEED).fit(x, y)
    spec, params = classifier("treeEnsembleClassifier", {"x": (4,)}, LABELS)
    params.treeEnsemble.numPredictionDimensions = 3
    _add(params, 0, fitted.tree_, lambda value: dict(enumerate((value[0] / value.sum()).tolist())))
    labels, _ = probabilities(spec, x)
    assert labels == [LABELS[k] for k in fitted.predict(x)]


def _stump(behavior: int = 0, missing: bool = False) -> Any:
    spec = regressor({"a": "double", "b": "double"})
    ensemble = spec.treeEnsembleRegressor.treeEnsemble
    ensemble.numPredictionDimensions = 1
    ensemble.basePredictionValue.append(10)
    ensemble.nodes.add(nodeId=7, nodeBehavior=behavior, branchFeatureIndex=1, branchFeatureValue=2,
                       trueChildNodeId=3, falseChildNodeId=4, missingValueTracksTrueChild=missing)  # fmt: skip
    for node, value in ((3, 1), (4, 2)):
        ensemble.nodes.add(nodeId=node, nodeBehavior=LEAF).evaluationInfo.add(evaluationValue=value)
    return spec


COMPARISONS = [operator.le, operator.lt, operator.ge, operator.gt, operator.eq, operator.ne]


@pytest.mark.parametrize("behavior", range(6))
def test_every_behavior(behavior: int) -> None:
    model = CoreMLModel.from_spec(_stump(behavior))
    for value in (1.0, 2.0, 3.0):
        assert model.predict({"a": 0, "b": value})["y"] == (11 if COMPARISONS[behavior](value, 2) else 12)


@pytest.mark.parametrize("missing", [False, True])
def test_a_missing_value_goes_where_the_file_says(missing: bool) -> None:
    spec = _stump(missing=missing)
    spec.description.input[1].type.isOptional = True
    model = CoreMLModel.from_spec(spec)
    for data in ({"a": 0, "b": np.nan}, {"a": 0}):
        assert model.predict(data)["y"] == (11 if missing else 12)


def test_one_value_for_two_classes_is_that_of_the_second() -> None:
    spec, params = classifier("treeEnsembleClassifier", {"a": "double", "b": "double"}, ["no", "yes"])
    params.treeEnsemble.CopyFrom(_stump().treeEnsembleRegressor.treeEnsemble)
    params.treeEnsemble.basePredictionValue[0] = -0.5
    found = predicted(spec, {"a": 0, "b": 0})
    assert found == {"label": "yes", "probabilities": {"no": 0.5, "yes": 0.5}}
    params.treeEnsemble.numPredictionDimensions = 3
    params.treeEnsemble.ClearField("basePredictionValue")
    with pytest.raises(EmulatorError, match="3 prediction dimensions for 2 classes; allowed: 2"):
        CoreMLModel.from_spec(spec)


BROKEN = {
    "a circle": (lambda e: e.nodes.add(nodeId=8, trueChildNodeId=9, falseChildNodeId=10) and e.nodes.add(
        nodeId=9, trueChildNodeId=8, falseChildNodeId=11) and [e.nodes.add(nodeId=n, nodeBehavior=LEAF)
                                                               for n in (10, 11)], "in a circle"),
    "a node that leads to itself": (lambda e: setattr(e.nodes[0], "trueChildNodeId", 7), "each other in a circle"),
    "no child": (lambda e: setattr(e.nodes[0], "falseChildNodeId", 9), "no node 9 in tree 0"),
    "one child": (lambda e: setattr(e.nodes[0], "falseChildNodeId", 3), "that two branches lead to"),
    "a node twice": (lambda e: e.nodes.add(nodeId=3, nodeBehavior=LEAF), "node 3 of tree 0 twice"),
    "two roots": (lambda e: e.nodes.add(nodeId=5, nodeBehavior=LEAF), "2 roots in tree 0; allowed: 1"),
    "an unknown behavior": (lambda e: setattr(e.nodes[0], "nodeBehavior", 17), "of behavior 17"),
    "a feature too many": (lambda e: setattr(e.nodes[0], "branchFeatureIndex", 2), "is for 3 numbers"),
    "a far feature": (lambda e: setattr(e.nodes[0], "branchFeatureIndex", 1 << 63), "numbers, but its inputs hold 2"),
    "a value too many": (lambda e: setattr(e.nodes[1].evaluationInfo[0], "evaluationIndex", 1), "for value 1 of 1"),
    "no dimensions": (lambda e: setattr(e, "numPredictionDimensions", 0), "0 prediction dimensions"),
    "far too many": (lambda e: setattr(e, "numPredictionDimensions", 1 << 63), "prediction dimensions; allowed"),
    "two bases": (lambda e: e.basePredictionValue.append(1), "2 base predictions for 1"),
    "no trees": (lambda e: e.ClearField("nodes"), "has no trees"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_malformed_trees_are_refused(name: str) -> None:
    spec = _stump()
    harm, message = BROKEN[name]
    harm(spec.treeEnsembleRegressor.treeEnsemble)
    with pytest.raises(EmulatorError, match=message):
        CoreMLModel.from_spec(spec)


def test_a_deep_tree_needs_no_recursion() -> None:
    spec = regressor({"x": "double"})
    ensemble = spec.treeEnsembleRegressor.treeEnsemble
    ensemble.numPredictionDimensions = 1
    depth = 5000
    for level in range(depth):
        ensemble.nodes.add(nodeId=2 * level, branchFeatureValue=-level, trueChildNodeId=2 * level + 2,
                           falseChildNodeId=2 * level + 1)  # fmt: skip
        ensemble.nodes.add(nodeId=2 * level + 1, nodeBehavior=LEAF).evaluationInfo.add(evaluationValue=level)
    ensemble.nodes.add(nodeId=2 * depth, nodeBehavior=LEAF).evaluationInfo.add(evaluationValue=-1)
    model = CoreMLModel.from_spec(spec)
    assert [model.predict({"x": x})["y"] for x in (-1e9, -41.5)] == [-1, 42]
