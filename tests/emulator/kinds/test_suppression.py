"""Suppression of boxes, held against a definition that follows the words of the format, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel
from export_pipeline.errors import EmulatorError
from tests.emulator.kinds.specs import SEED, base, predicted

BOXES, CLASSES = 30, 3


def _spec(per_class: bool = True, iou: float = 0.4, least: float = 0.3) -> Any:
    """As YOLO exports have it: thresholds are inputs that may be left out."""
    inputs = {"raw confidence": (BOXES, CLASSES), "raw coordinates": (BOXES, 4), "iou": "double", "least": "double"}
    spec = base(inputs, {"confidence": (), "coordinates": ()})
    for feature in spec.description.input[2:]:
        feature.type.isOptional = True
    p = spec.nonMaximumSuppression
    p.confidenceInputFeatureName, p.coordinatesInputFeatureName = "raw confidence", "raw coordinates"
    p.iouThresholdInputFeatureName, p.confidenceThresholdInputFeatureName = "iou", "least"
    p.confidenceOutputFeatureName, p.coordinatesOutputFeatureName = "confidence", "coordinates"
    p.iouThreshold, p.confidenceThreshold, p.pickTop.perClass = iou, least, per_class
    p.stringClassLabels.vector.extend(["ant", "bee", "cat"])
    return spec


def _data() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(SEED)
    boxes = np.concatenate([generator.random((BOXES, 2)), 0.3 + generator.random((BOXES, 2)) / 3], axis=1)
    return {"raw confidence": generator.random((BOXES, CLASSES)), "raw coordinates": boxes}


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    sides = [min(a[i] + a[i + 2] / 2, b[i] + b[i + 2] / 2) - max(a[i] - a[i + 2] / 2, b[i] - b[i + 2] / 2)
             for i in (0, 1)]  # fmt: skip
    shared = max(sides[0], 0) * max(sides[1], 0)
    return float(shared / (a[2] * a[3] + b[2] * b[3] - shared))


def _kept(data: dict[str, np.ndarray], per_class: bool, iou: float, least: float) -> list[int]:
    scores, boxes = data["raw confidence"], data["raw coordinates"]
    left = [i for i in range(BOXES) if scores[i].max() >= least]
    kept = []
    while left:
        top = max(left, key=lambda i: scores[i].max())
        kept.append(top)
        same = [i for i in left if not per_class or scores[i].argmax() == scores[top].argmax()]
        near = {i for i in same if _iou(boxes[i], boxes[top]) > iou}
        left = [i for i in left if i != top and i not in near]
    return kept


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize(("iou", "least"), [(0.4, 0.3), (0.1, 0.9), (1.0, 0.0)])
def test_boxes_are_those_of_the_definition(per_class: bool, iou: float, least: float) -> None:
    data = _data()
    kept = _kept(data, per_class, iou, least)
    for found in (
        predicted(_spec(per_class, iou, least), data),
        predicted(_spec(per_class, 0.7, 0.5), {**data, "iou": iou, "least": least}),
    ):
        np.testing.assert_array_equal(found["confidence"], data["raw confidence"][kept])
        np.testing.assert_array_equal(found["coordinates"], data["raw coordinates"][kept])
    assert len(kept) == BOXES or iou < 1


def test_nothing_left() -> None:
    found = predicted(_spec(least=2), _data())
    assert (found["confidence"].shape, found["coordinates"].shape) == ((0, CLASSES), (0, 4))


def test_declared_rows_are_filled_or_cut() -> None:
    data, spec = _data(), _spec(iou=1.0, least=0.8)
    kept = _kept(data, True, 1.0, 0.8)
    assert 4 < len(kept) < BOXES
    array = spec.description.output[0].type.multiArrayType
    array.shape.extend([4, CLASSES])
    np.testing.assert_array_equal(predicted(spec, data)["confidence"], data["raw confidence"][kept[:4]])
    array.ClearField("shape")
    for low, high in ((BOXES, -1), (CLASSES, CLASSES)):
        array.shapeRange.sizeRanges.add(lowerBound=low, upperBound=high)
    found = predicted(spec, data)
    assert found["confidence"].shape == (BOXES, CLASSES)
    assert found["coordinates"].shape == (BOXES, 4)
    assert not found["confidence"][len(kept) :].any()


def test_what_is_wrong_is_said() -> None:
    data, spec = _data(), _spec()
    for bad, message in (({"iou": 1.5}, "iouThreshold of the model is 1.5; allowed: 0 to 1"),
                         ({"least": np.nan}, "confidenceThreshold of the model is nan"),
                         ({"raw coordinates": np.ones((BOXES, 3))}, "has shape")):  # fmt: skip
        with pytest.raises(EmulatorError, match=message):
            predicted(spec, {**data, **bad})
    spec.nonMaximumSuppression.stringClassLabels.vector.append("dog")
    with pytest.raises(EmulatorError, match=r"allowed: \[boxes, 4\]"):
        predicted(spec, data)
    spec.nonMaximumSuppression.confidenceInputFeatureName = "other"
    with pytest.raises(EmulatorError, match="refers to the input 'other'"):
        CoreMLModel.from_spec(spec)
