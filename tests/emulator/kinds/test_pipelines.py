"""Pipelines of kinds and of networks, and networks that a device can train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export_pipeline.emulator import CoreMLModel, describe, listing, weights
from export_pipeline.errors import EmulatorError, UnsupportedOperationError
from tests.emulator.kinds.specs import base, classifier, predicted, regressor, rows


def _vectorizer(output: str) -> Any:
    spec = base({"a": "double", "b": "int64"}, {output: (2,)})
    for name in "ab":
        spec.featureVectorizer.inputList.add(inputColumn=name, inputDimensions=1)
    return spec


def _glm(name: str, output: Any = "double") -> Any:
    spec = regressor({name: (2,)}, output)
    rows(np.array([2.0, 3.0]), spec.glmRegressor.weights)
    spec.glmRegressor.offset.append(1)
    return spec


def _network(takes: str, gives: str, scale: float, size: int = 2) -> Any:
    spec = base({takes: (size,)}, {gives: (size,)})
    layer = spec.neuralNetwork.layers.add(name="scaled", input=[takes], output=[gives])
    layer.activation.linear.alpha = scale
    return spec


def test_vectorizer_network_and_linear_model(tmp_path: Path) -> None:
    spec = base({"a": "double", "b": "int64"}, {"y": "double"})
    spec.description.predictedFeatureName = "y"
    spec.pipelineRegressor.pipeline.models.extend([_vectorizer("f"), _network("f", "g", 10), _glm("g")])
    assert predicted(spec, {"a": 1, "b": 2}) == {"y": 81.0}
    path = tmp_path / "stages.mlmodel"
    path.write_bytes(spec.SerializeToString())
    found = describe(path)
    assert found["operations"] == {"featureVectorizer": 1, "activation": 1, "glmRegressor": 1}
    assert found["multiply_accumulates"] is None
    assert set(found["uncounted"]) == {"featureVectorizer", "glmRegressor"}
    assert [body.name for body in listing(path).bodies] == ["stage 1: model", "stage 2: network", "stage 3: model"]
    np.testing.assert_array_equal(weights(path)["weights.value"].values, [2, 3])
    with pytest.raises(EmulatorError, match="misses input 'b'"):
        CoreMLModel(path).predict({"a": 1})
    with pytest.raises(EmulatorError, match="takes a number, not str"):
        CoreMLModel(path).predict({"a": "x", "b": 2})


def test_a_classifier_that_encodes_texts() -> None:
    encoder = base({"colour": "string"}, {"hot": (2,)})
    encoder.oneHotEncoder.stringCategories.vector.extend(["red", "blue"])
    last, params = classifier("glmClassifier", {"hot": (2,)}, ["no", "yes"])
    rows(np.array([-3.0, 4.0]), params.weights)
    params.offset.append(0)
    spec = base({"colour": "string"}, {})
    spec.description.output.extend(last.description.output)
    spec.description.predictedFeatureName = "label"
    spec.description.predictedProbabilitiesName = "probabilities"
    spec.pipelineClassifier.pipeline.models.extend([encoder, last])
    assert [predicted(spec, {"colour": colour})["label"] for colour in ("red", "blue")] == ["no", "yes"]
    with pytest.raises(EmulatorError, match="allowed: 'red', 'blue'"):
        predicted(spec, {"colour": "green"})


def test_boxes_of_a_network_are_suppressed() -> None:
    """The form of YOLO exports: an image and two thresholds go in, confidences and coordinates come out."""
    network = base({}, {"c": (3, 1), "b": (3, 4)})
    image = network.description.input.add(name="image").type.imageType
    image.width, image.height, image.colorSpace = 2, 2, 20
    layers = network.neuralNetwork.layers
    for name, shape, values in (("c", (3, 1), [0.9, 0.8, 0.7]),
                                ("b", (3, 4), [0.5, 0.5, 1, 1, 0.5, 0.5, 1, 0.9, 3, 3, 1, 1])):  # fmt: skip
        layer = layers.add(name=name, output=[name])
        layer.loadConstantND.shape.extend(shape)
        layer.loadConstantND.data.floatValue.extend(values)
    network.neuralNetwork.arrayInputShapeMapping = 1
    network.neuralNetwork.imageInputShapeMapping = 1
    last = base({"c": (3, 1), "b": (3, 4), "iou": "double"}, {"confidence": (), "coordinates": ()})
    last.description.input[2].type.isOptional = True
    p = last.nonMaximumSuppression
    p.confidenceInputFeatureName, p.coordinatesInputFeatureName, p.iouThresholdInputFeatureName = "c", "b", "iou"
    p.confidenceOutputFeatureName, p.coordinatesOutputFeatureName = "confidence", "coordinates"
    p.iouThreshold = 0.5
    spec = base({}, {"confidence": (), "coordinates": ()})
    spec.description.input.append(network.description.input[0])
    spec.description.input.append(last.description.input[2])
    spec.pipeline.models.extend([network, last])
    picture = Image.new("RGB", (2, 2))
    found = predicted(spec, {"image": picture})
    np.testing.assert_allclose(found["confidence"], [[0.9], [0.7]], rtol=1e-6)
    assert len(predicted(spec, {"image": picture, "iou": 0.95})["coordinates"]) == 3


def test_an_updatable_network_runs_and_does_not_train() -> None:
    spec = _network("x", "y", 3)
    spec.isUpdatable = True
    spec.neuralNetwork.updateParams.epochs.defaultValue = 1
    feature = spec.description.trainingInput.add(name="x").type.multiArrayType
    feature.shape.append(2)
    model = CoreMLModel.from_spec(spec)
    np.testing.assert_array_equal(model.predict({"x": [1, 2]})["y"], [3, 6])
    with pytest.raises(UnsupportedOperationError, match="does not train the model: Core ML trains on a device only"):
        model.update({"x": [1, 2]})
    spec.isUpdatable = False
    with pytest.raises(UnsupportedOperationError, match="the model is not updatable"):
        CoreMLModel.from_spec(spec).update()


def test_malformed_pipelines_are_refused() -> None:
    spec = base({"x": "double"}, {"y": "double"})
    spec.pipeline.SetInParent()
    with pytest.raises(EmulatorError, match="a pipeline without models"):
        CoreMLModel.from_spec(spec)
    spec.pipeline.models.append(_vectorizer("f"))
    with pytest.raises(EmulatorError, match="misses input 'a'"):
        predicted(spec, {"x": 1})
    spec.pipeline.models.add().visionFeaturePrint.SetInParent()
    with pytest.raises(UnsupportedOperationError, match="'visionFeaturePrint': its network lives in Apple's system"):
        CoreMLModel.from_spec(spec)
    inner = spec.pipeline.models.add()
    for _ in range(20):
        inner = inner.pipeline.models.add()
    inner.identity.SetInParent()
    with pytest.raises(EmulatorError, match="more than 16 deep"):
        CoreMLModel.from_spec(spec)
