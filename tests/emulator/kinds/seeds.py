"""A small whole model of every kind, and values that it takes: what the fuzzer damages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.emulator.kinds.specs import base, classifier, regressor, rows

PAIR = {"x": (2,)}
VALUES = {"x": np.array([0.5, -1.0])}
BOXES = {"c": np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.3]]), "b": np.full((3, 4), 0.5)}


def _linear() -> Any:
    spec = regressor(PAIR)
    rows(np.array([1.0, 2.0]), spec.glmRegressor.weights)
    spec.glmRegressor.offset.append(0.5)
    return spec


def _linear_classifier() -> Any:
    spec, params = classifier("glmClassifier", PAIR, ["a", "b", "c"])
    rows(np.array([[1.0, 2.0], [3.0, -1.0]]), params.weights)
    params.offset.extend([0.5, 0.25])
    return spec


def _grow(ensemble: Any, size: int) -> None:
    ensemble.numPredictionDimensions = size
    ensemble.basePredictionValue.extend([0.5] * size)
    for number in range(2):
        ensemble.nodes.add(treeId=number, nodeId=1, branchFeatureIndex=number, trueChildNodeId=2, falseChildNodeId=3,
                           branchFeatureValue=0.25, missingValueTracksTrueChild=True)  # fmt: skip
        for node in (2, 3):
            leaf = ensemble.nodes.add(treeId=number, nodeId=node, nodeBehavior=6)
            leaf.evaluationInfo.add(evaluationIndex=size - 1, evaluationValue=node)


def _trees() -> Any:
    spec = regressor(PAIR)
    _grow(spec.treeEnsembleRegressor.treeEnsemble, 1)
    return spec


def _tree_classifier() -> Any:
    spec, params = classifier("treeEnsembleClassifier", PAIR, [1, 2])
    _grow(params.treeEnsemble, 2)
    params.postEvaluationTransform = 1
    return spec


def _machine() -> Any:
    spec = regressor(PAIR)
    params = spec.supportVectorRegressor
    params.kernel.rbfKernel.gamma = 0.5
    params.coefficients.alpha.extend([1.0, -1.0])
    params.rho = 0.25
    for index in (1, 2):
        params.sparseSupportVectors.vectors.add().nodes.add(index=index, value=1)
    return spec


def _machine_classifier() -> Any:
    spec, params = classifier("supportVectorClassifier", PAIR, ["a", "b", "c"])
    params.kernel.polyKernel.degree, params.kernel.polyKernel.gamma = 2, 1
    params.numberOfSupportVectorsPerClass.extend([1, 1, 1])
    rows(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), params.denseSupportVectors.vectors, "values")
    rows(np.array([[1.0, -1.0, 0.5], [0.5, 1.0, -1.0]]), params.coefficients, "alpha")
    for field in ("rho", "probA", "probB"):
        getattr(params, field).extend([-1.0, 0.5, 0.25])
    return spec


def _neighbours() -> Any:
    spec, params = classifier("kNearestNeighborsClassifier", PAIR, ["a", "b"])
    params.nearestNeighborsIndex.numberOfDimensions = 2
    rows(np.array([[1.0, 0.0], [0.0, 1.0]]), params.nearestNeighborsIndex.floatSamples, "vector")
    params.numberOfNeighbors.defaultValue = 1
    params.numberOfNeighbors.range.maxValue = 2
    params.inverseDistanceWeighting.SetInParent()
    return spec


def _boxes() -> Any:
    spec = base({"c": (3, 2), "b": (3, 4)}, {"confidence": (2, 2), "coordinates": ()})
    p = spec.nonMaximumSuppression
    p.confidenceInputFeatureName, p.coordinatesInputFeatureName = "c", "b"
    p.confidenceOutputFeatureName, p.coordinatesOutputFeatureName = "confidence", "coordinates"
    p.iouThreshold, p.confidenceThreshold, p.pickTop.perClass = 0.5, 0.25, True
    p.stringClassLabels.vector.extend(["a", "b"])
    return spec


def _recommender() -> Any:
    spec = base({"items": "dictionary of string", "count": "int64"}, {"best": "list of string"})
    p = spec.itemSimilarityRecommender
    p.itemInputFeatureName, p.numRecommendationsInputFeatureName = "items", "count"
    p.recommendedItemListOutputFeatureName = "best"
    p.itemStringIds.vector.extend(["a", "b"])
    for item in range(2):
        entry = p.itemItemSimilarities.add(itemId=item, itemScoreAdjustment=0.5)
        entry.similarItemList.add(itemId=1 - item, similarityScore=0.25)
    return spec


def _assembling() -> Iterator[tuple[Any, dict[str, Any]]]:
    spec = base({"x": (2,), "n": "int64"}, {"y": (3,)})
    spec.featureVectorizer.inputList.add(inputColumn="x", inputDimensions=2)
    spec.featureVectorizer.inputList.add(inputColumn="n", inputDimensions=1)
    yield spec, {**VALUES, "n": 3}
    spec = base(PAIR, {"y": "double"})
    spec.arrayFeatureExtractor.extractIndex.append(1)
    yield spec, VALUES
    spec = base(PAIR, {"y": (2,)})
    spec.scaler.shiftValue.extend([1, 2])
    spec.scaler.scaleValue.append(0.5)
    yield spec, VALUES
    spec = base(PAIR, {"y": (2,)})
    spec.normalizer.normType = 2
    yield spec, VALUES
    spec = base({"x": (2,), "t": "string"}, {"y": (2,), "u": "string"})
    spec.identity.SetInParent()
    yield spec, {**VALUES, "t": "text"}


def _categories() -> Iterator[tuple[Any, dict[str, Any]]]:
    spec = base({"d": "dictionary of int64"}, {"y": (2,)})
    spec.dictVectorizer.int64ToIndex.vector.extend([3, 4])
    yield spec, {"d": {3: 0.5}}
    spec = base({"t": "string"}, {"y": (2,)})
    spec.oneHotEncoder.stringCategories.vector.extend(["a", "b"])
    yield spec, {"t": "b"}
    spec = base({"t": "string"}, {"n": "int64"})
    spec.categoricalMapping.stringToInt64Map.map["a"] = 7
    spec.categoricalMapping.int64Value = 8
    yield spec, {"t": "a"}
    spec = base(PAIR, {"y": (2,)})
    spec.imputer.imputedDoubleArray.vector.extend([1, 2])
    spec.imputer.replaceDoubleValue = -1
    yield spec, VALUES
    spec = base({"d": "dictionary of string"}, {"y": "dictionary of string"})
    spec.imputer.imputedStringDictionary.map["a"] = 0.5
    yield spec, {"d": {"b": 1}}


def _pipeline() -> Any:
    spec = base(PAIR, {"y": "double"})
    first = base(PAIR, {"f": (2,)})
    first.scaler.scaleValue.append(2)
    last = _linear()
    last.description.input[0].name = "f"
    spec.pipelineRegressor.pipeline.models.extend([first, last])
    spec.description.predictedFeatureName = "y"
    return spec


OF_PAIRS: tuple[Callable[[], Any], ...] = (
    _linear, _linear_classifier, _trees, _tree_classifier, _machine, _machine_classifier, _neighbours, _pipeline
)  # fmt: skip


def kinds_with_values() -> list[tuple[Any, dict[str, Any]]]:
    """Every kind that runs, and a pipeline of two, with inputs."""
    return [
        *((make(), VALUES) for make in OF_PAIRS),
        (_boxes(), BOXES),
        (_recommender(), {"items": {"a": 1.0}, "count": 1}),
        *_assembling(),
        *_categories(),
    ]
