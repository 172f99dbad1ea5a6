"""Boxes in images, and sampling at any points. They run in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import sampling
from ..arrays.boxes import suppress
from ..calls import Call
from ..graph import Tensor
from ..registry import lower


@lower("non_maximum_suppression", exact=True, host=True)
def non_maximum_suppression(call: Call) -> list[Tensor]:
    """The best boxes that do not overlap better ones.

    From iOS 17 on any score will do, boxes are counted in the last dimension, and how many are given is not told.
    """
    scored = call.has("score_threshold")
    limits = float(call.value("iou_threshold")), float(call.value("score_threshold")) if scored else -np.inf
    count, per_class = int(call.value("max_boxes")), bool(call.value("per_class_suppression"))
    boxes, scores = call.tensor("boxes"), call.tensor("scores")
    n, classes = scores.sizes[0], scores.sizes[2 if scored else 1]

    def run(boxes: np.ndarray, scores: np.ndarray) -> list[np.ndarray]:
        if scored:
            return suppress(boxes, scores, *limits, count, per_class)
        found = suppress(boxes.swapaxes(1, 2), scores.swapaxes(1, 2), *limits, count, per_class)
        return [found[0].swapaxes(1, 2), found[1].swapaxes(1, 2), found[2]]

    chosen = [(n, count, 4), (n, count, classes)] if scored else [(n, 4, count), (n, classes, count)]
    shapes = [*chosen, (n, count), *([(n,)] if scored else [])]
    types = [np.float32, np.float32, np.int32, np.int32]
    return call.graph.host(run, [boxes, scores], list(zip(types, shapes, strict=False)))


def _scaling(call: Call, x: Tensor) -> np.ndarray:
    height, width = x.sizes[-2:]
    factor = np.array([height - 1, width - 1] * 2, np.float64)
    unit = factor if bool(call.value("normalized_coordinates")) else np.ones(4)
    return np.asarray(unit * float(call.value("spatial_scale")))


@lower("crop_resize", host=True)
def crop_resize(call: Call) -> Tensor:
    """Parts of ``x [B, C, H, W]`` resized bilinearly; outside the image is ``pad_value``."""
    x = call.tensor("x")
    size = int(call.value("target_height")), int(call.value("target_width"))
    mode, convention = str(call.value("sampling_mode")), str(call.value("box_coordinate_mode"))
    fill, scale = float(call.value("pad_value", 0.0)), _scaling(call, x)

    def crops(images: np.ndarray, boxes: np.ndarray, which: Any) -> np.ndarray:
        call.graph.options.room([len(boxes), images.shape[1], *size], 8)
        found = sampling.corners(boxes.astype(np.float64), convention) * scale
        return np.stack([sampling.crop(images[int(i)], b, size, mode, fill) for i, b in zip(which, found, strict=True)])

    def with_indices(images: np.ndarray, boxes: np.ndarray, *which: np.ndarray) -> list[np.ndarray]:
        return [crops(images, boxes, which[0] if which else range(len(boxes)))]

    def with_rois(images: np.ndarray, rois: np.ndarray) -> list[np.ndarray]:
        rows = rois.reshape(len(rois), -1)
        if rows.shape[1] == 5:
            return [crops(images, rows[:, 1:], rows[:, 0])[:, None]]
        return [np.stack([crops(images, rows, [i] * len(rows)) for i in range(len(images))], axis=1)]

    if call.has("roi"):
        return call.graph.host(with_rois, [x, call.tensor("roi")], [(np.float32, None)])[0]
    others = [call.tensor("box_indices")] if call.has("box_indices") else []
    return call.graph.host(with_indices, [x, call.tensor("boxes"), *others], [(np.float32, None)])[0]


@lower("affine", host=True)
def affine(call: Call) -> Tensor:
    """``x [B, C, H, W]`` through an affine map of normalized coordinates."""
    size = int(call.value("output_height")), int(call.value("output_width"))
    corners = bool(call.value("align_corners"))
    call.graph.options.room([*call.tensor("x").sizes[:2], *size], 8)
    run = lambda x, matrices: [sampling.affine(x, matrices, *size, corners)]  # noqa: E731
    return call.graph.host(run, [call.tensor("x"), call.tensor("transform_matrix")], [(np.float32, None)])[0]


@lower("resample", host=True)
def resample(call: Call) -> Tensor:
    """``x [B, C, H, W]`` at ``coordinates [B, H2, W2, 2]`` in the order x, y."""
    linear, padding = str(call.value("sampling_mode")) == "bilinear", str(call.value("padding_mode"))
    mode, corners = str(call.value("coordinates_mode")), bool(call.value("align_corners"))
    fill = float(call.value("padding_value"))

    def run(x: np.ndarray, points: np.ndarray) -> list[np.ndarray]:
        height, width = x.shape[-2:]
        ys = sampling.to_pixels(points[..., 1], height, mode, corners)
        xs = sampling.to_pixels(points[..., 0], width, mode, corners)
        return [np.stack([sampling.sample(x[b], ys[b], xs[b], linear, padding, fill) for b in range(len(x))])]

    return call.graph.host(run, [call.tensor("x"), call.tensor("coordinates")], [(np.float32, None)])[0]
