"""Non-maximum suppression of boxes."""

from __future__ import annotations

import numpy as np


def overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of one box with *others*, all ``[center x, center y, width, height]``."""
    low = np.maximum(box[:2] - box[2:] / 2, others[:, :2] - others[:, 2:] / 2)
    high = np.minimum(box[:2] + box[2:] / 2, others[:, :2] + others[:, 2:] / 2)
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    union = np.prod(box[2:]) + np.prod(others[:, 2:], axis=1) - shared
    return np.asarray(np.where(union > 0, shared / np.where(union > 0, union, 1), 0))


def _select(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, iou: float, least: float) -> list[int]:
    """Indices of the boxes that no better box of their class overlaps, the best first."""
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        rivals = [other for other in kept if classes[other] == classes[index]]
        if scores[index] > least and not (rivals and (overlaps(boxes[index], boxes[rivals]) > iou).any()):
            kept.append(int(index))
    return kept


def suppress(
    boxes: np.ndarray, scores: np.ndarray, iou: float, least: float, count: int, per_class: bool
) -> list[np.ndarray]:
    """The best *count* of ``boxes [n, B, 4]`` by ``scores [n, B, K]``: boxes, scores, indices (-1: none), how many.

    Where every score is too low the best box is given nevertheless.
    """
    batch, _, classes = scores.shape
    out_boxes, out_scores = np.zeros((batch, count, 4)), np.zeros((batch, count, classes))
    indices, counts = np.full((batch, count), -1), np.zeros(batch)
    for n in range(batch):
        best = scores[n].max(axis=-1)
        kinds = scores[n].argmax(axis=-1) if per_class else np.zeros(len(best))
        chosen = (_select(boxes[n], best, kinds, iou, least) or [int(best.argmax())])[:count]
        size = len(chosen)
        out_boxes[n, :size], out_scores[n, :size], indices[n, :size] = boxes[n][chosen], scores[n][chosen], chosen
        counts[n] = size
    return [out_boxes, out_scores, indices, counts]
