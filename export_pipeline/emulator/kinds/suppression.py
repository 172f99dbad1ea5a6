"""Suppression of boxes that a better one overlaps. Source: NonMaximumSuppression.proto."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import EmulatorError
from ..arrays.boxes import overlaps
from ..registry import kind
from .call import Kind

_BOX = 4


def _threshold(model: Kind, field: str) -> Any:
    """A function that gives a threshold: that of the file, unless an input says otherwise."""
    own, name = float(getattr(model.params, field)), getattr(model.params, f"{field}InputFeatureName")
    if name:
        model.declares(name)

    def threshold(values: Mapping[str, Any]) -> float:
        found = float(np.asarray(values[name]).reshape(-1)[0]) if name in values else own
        if not found >= 0 or (field == "iouThreshold" and found > 1):
            allowed = "0 to 1" if field == "iouThreshold" else "0 and more"
            raise EmulatorError(f"{field} of {model.source.label} is {found}; allowed: {allowed}")
        return found

    return threshold


def _rows(model: Kind, name: str) -> tuple[int, int | None]:
    """The least and the greatest number of rows that an output declares."""
    feature = next(f for f in model.description.output if f.name == name)
    array = feature.type.multiArrayType
    flexibility = array.WhichOneof("ShapeFlexibility")
    if flexibility == "shapeRange" and len(array.shapeRange.sizeRanges):
        first = array.shapeRange.sizeRanges[0]
        return int(first.lowerBound), int(first.upperBound) if first.upperBound >= 0 else None
    if flexibility == "enumeratedShapes":
        counts = [int(shape.shape[0]) for shape in array.enumeratedShapes.shapes if len(shape.shape)]
        return (min(counts), max(counts)) if counts else (0, None)
    return (int(array.shape[0]), int(array.shape[0])) if len(array.shape) else (0, None)


@kind("nonMaximumSuppression")
def suppression(model: Kind) -> Any:
    """Boxes in the order of their best confidence, without those that a kept one overlaps by more than a threshold.

    Boxes below the confidence threshold are left out first. Where the outputs declare a number of rows, zeros fill
    what is missing, and the best ones stay.
    """
    p = model.params
    scores, boxes = (model.declares(n) for n in (p.confidenceInputFeatureName, p.coordinatesInputFeatureName))
    outputs = [model.declares(n, "output") for n in (p.confidenceOutputFeatureName, p.coordinatesOutputFeatureName)]
    iou, least = _threshold(model, "iouThreshold"), _threshold(model, "confidenceThreshold")
    lows, highs = zip(*(_rows(model, name) for name in outputs), strict=True)
    fewest, most = max(lows), min((high for high in highs if high is not None), default=None)
    if most is not None and fewest > most:
        raise model.wrong(f"has outputs of at least {fewest} and at most {most} rows")
    labels = p.WhichOneof("ClassLabels")
    classes = len(getattr(p, labels).vector) if labels else 0
    per_class = bool(p.pickTop.perClass)

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        confidence = _matrix(model, values, scores, classes or None)
        places = _matrix(model, values, boxes, _BOX)
        if len(confidence) != len(places):
            raise EmulatorError(f"{model.source.label} is given {len(confidence)} confidences for {len(places)} boxes")
        kept = _kept(confidence, places, iou(values), least(values), per_class, most)
        found: dict[str, Any] = {}
        for name, array in zip(outputs, (confidence, places), strict=True):
            rows = np.zeros((max(len(kept), fewest), array.shape[1]))
            rows[: len(kept)] = array[kept]
            found |= model.made(name, rows)
        return found

    return run


def _matrix(model: Kind, values: Mapping[str, Any], name: str, columns: int | None) -> np.ndarray:
    """An input ``[N, columns]``; axes of 1 before these are left out."""
    array = np.asarray(model.given(values, name), np.float64)
    flat = array.reshape(array.shape[-2:]) if array.ndim > 2 and set(array.shape[:-2]) == {1} else array
    if flat.ndim != 2 or flat.shape[1] < 1 or flat.shape[1] != (columns or flat.shape[1]):
        wanted = f"[boxes, {columns or 'classes'}]"
        raise EmulatorError(f"input {name!r} of {model.source.label} has shape {array.shape}; allowed: {wanted}")
    return flat


def _kept(
    confidence: np.ndarray, boxes: np.ndarray, iou: float, least: float, per_class: bool, most: int | None
) -> list[int]:
    best, kinds = confidence.max(axis=1), confidence.argmax(axis=1)
    order = np.argsort(-best, kind="stable")
    left = order[best[order] >= least]
    kept: list[int] = []
    while left.size and (most is None or len(kept) < most):
        first, left = int(left[0]), left[1:]
        kept.append(first)
        rivals = overlaps(boxes[first], boxes[left]) > iou
        left = left[~(rivals & (kinds[left] == kinds[first]))] if per_class else left[~rivals]
    return kept
