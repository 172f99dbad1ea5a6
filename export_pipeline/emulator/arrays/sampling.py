"""Sampling of images at any points: affine maps, resampling, and crops that are resized."""

from __future__ import annotations

import numpy as np


def _folded(points: np.ndarray, size: int, mode: str) -> np.ndarray:
    """Points outside ``[0, size - 1]`` brought back as the padding mode says."""
    if mode == "border":
        return np.asarray(np.clip(points, 0, size - 1))
    edge = 0.0 if mode == "reflection" else -0.5
    span = size - 1 - 2 * edge
    if span <= 0:
        return np.zeros_like(points)
    turned = np.abs(np.mod(points - edge + span, 2 * span) - span) + edge
    return np.clip(turned, 0, size - 1)


def _pixels(image: np.ndarray, ys: np.ndarray, xs: np.ndarray, fill: float) -> np.ndarray:
    """``image[C, H, W]`` at whole points, *fill* outside."""
    height, width = image.shape[-2:]
    inside = (ys >= 0) & (ys < height) & (xs >= 0) & (xs < width)
    rows, columns = np.clip(ys, 0, height - 1).astype(int), np.clip(xs, 0, width - 1).astype(int)
    return np.asarray(np.where(inside, image[:, rows, columns], np.float32(fill)))


def sample(image: np.ndarray, ys: np.ndarray, xs: np.ndarray, linear: bool, mode: str, fill: float) -> np.ndarray:
    """``image [C, H, W]`` at points of any shape: ``[C, *points]``."""
    if mode != "constant":
        ys, xs = _folded(ys, image.shape[-2], mode), _folded(xs, image.shape[-1], mode)
    if not linear:
        return _pixels(image, np.rint(ys), np.rint(xs), fill)
    top, left = np.floor(ys), np.floor(xs)
    down, right = (ys - top).astype(np.float32), (xs - left).astype(np.float32)
    corners = [_pixels(image, top + dy, left + dx, fill) for dy in (0, 1) for dx in (0, 1)]
    upper = corners[0] * (1 - right) + corners[1] * right
    lower = corners[2] * (1 - right) + corners[3] * right
    return np.asarray(upper * (1 - down) + lower * down)


def to_pixels(values: np.ndarray, size: int, mode: str, align_corners: bool) -> np.ndarray:
    """Coordinates of one axis in pixels, from *mode*: unnormalized, or normalized to 0..1 or -1..1."""
    values = values.astype(np.float64)
    if mode == "unnormalized":
        return values
    unit = (values + 1) / 2 if mode == "normalized_minus_one_to_one" else values
    return unit * (size - 1) if align_corners else unit * size - 0.5


def affine(x: np.ndarray, matrices: np.ndarray, height: int, width: int, align_corners: bool) -> np.ndarray:
    """``x [B, C, H, W]`` through maps ``[B or 1, 6]`` of coordinates that are normalized to -1..1."""
    axes = [np.linspace(-1, 1, n) if align_corners else (2 * np.arange(n) + 1) / n - 1 for n in (height, width)]
    ys, xs = np.meshgrid(*axes, indexing="ij")
    results = []
    for image, m in zip(x, np.broadcast_to(matrices, (len(x), 6)), strict=True):
        points = [m[3] * xs + m[4] * ys + m[5], m[0] * xs + m[1] * ys + m[2]]
        pairs = zip(points, x.shape[-2:], strict=True)
        rows, columns = (to_pixels(p, size, "normalized_minus_one_to_one", align_corners) for p, size in pairs)
        results.append(sample(image, rows, columns, True, "constant", 0.0))
    return np.stack(results)


def corners(boxes: np.ndarray, mode: str) -> np.ndarray:
    """Boxes ``[N, 4]`` in any of four conventions as ``[top, left, bottom, right]``."""
    if mode.endswith("WIDTH_FIRST"):
        boxes = boxes[:, [1, 0, 3, 2]]
    if mode.startswith("CENTER"):
        boxes = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)
    return boxes


def crop(image: np.ndarray, box: np.ndarray, size: tuple[int, int], mode: str, fill: float) -> np.ndarray:
    """The part of ``image [C, H, W]`` in *box* (corners, in pixels) resized to *size*; *fill* outside the image."""
    axes = []
    for begin, end, count in zip(box[:2], box[2:], size, strict=True):
        axes.append(begin + _inside_box(float(end - begin), count, mode))
    ys, xs = np.meshgrid(*axes, indexing="ij")
    values = sample(image, ys, xs, True, "border", fill)
    height, width = image.shape[-2:]
    slack = 1e-4  # a box that ends at the last pixel may miss it by rounding
    inside = (ys >= -slack) & (ys <= height - 1 + slack) & (xs >= -slack) & (xs <= width - 1 + slack)
    return np.asarray(np.where(inside, values, np.float32(fill)))


def _inside_box(span: float, count: int, mode: str) -> np.ndarray:
    """Where to sample along a box side whose first and last pixel are *span* apart."""
    steps = np.arange(count)
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        if count == 1:
            return np.array([0.0 if mode.startswith("STRICT") else span / 2])
        return np.asarray(steps * span / (count - 1))
    if mode == "OFFSET_CORNERS":
        return np.asarray((steps + 0.5) * span / count)
    if mode == "DEFAULT":
        return np.asarray(steps * (span + 1) / count)
    return np.asarray((steps + 0.5) * (span + 1) / count - 0.5)
