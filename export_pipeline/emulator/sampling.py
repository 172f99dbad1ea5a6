"""Resampling along axes on any grid: the common ground of every resize of both model formats.

A bilinear resize is separable and its grid does not depend on data, so it is two gathers and one interpolation per
axis. That states each of Core ML's five grids exactly, where ONNX ``Resize`` knows only three of them.
"""

from __future__ import annotations

import numpy as np

from .graph import Graph, Tensor


def grid(size: int, count: int, mode: str) -> np.ndarray:
    """The *count* positions in ``[0, size - 1]`` that Core ML samples in *mode* (the names of ``resize_bilinear``)."""
    steps = np.arange(count, dtype=np.float64)
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        if count == 1:
            points = np.array([0.0 if mode.startswith("STRICT") else (size - 1) / 2])
        else:
            points = steps * (size - 1) / (count - 1)
    elif mode == "DEFAULT":
        points = steps * size / count
    elif mode == "OFFSET_CORNERS":
        points = (steps + 0.5) * max(1, size - 1) / count
    elif mode == "UNALIGN_CORNERS":
        points = (steps + 0.5) * size / count - 0.5
    else:
        raise ValueError(f"sampling mode {mode!r}")
    return np.asarray(np.clip(points, 0, size - 1))


def linear(graph: Graph, x: Tensor, axis: int, points: np.ndarray) -> Tensor:
    """*x* linearly interpolated at *points* of *axis*."""
    size = x.sizes[axis]
    if len(points) == size and np.array_equal(points, np.arange(size)):
        return x
    low = np.floor(points).astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    weight = (points - low).astype(np.float32).reshape([-1] + [1] * (x.rank - 1 - axis % x.rank))
    start = graph.node("Gather", x, low, axis=axis)
    if not weight.any():
        return start
    step = graph.node("Sub", graph.node("Gather", x, high, axis=axis), start)
    return graph.node("Add", start, graph.node("Mul", step, weight))


def nearest(graph: Graph, x: Tensor, axis: int, count: int, *, centred: bool) -> Tensor:
    """*x* with *count* elements along *axis*: of equal cells, the one in which each lies.

    Element i of the result lies where its cell begins, at ``i * size / count``, or if *centred* where its centre is, at
    ``(i + 1/2) * size / count``. Apple's tests want the former of an upsampling (0.67 of 3 elements: the first two) and
    the latter, that of ``tf.image.resize``, of every operation that is told a size.
    """
    size = x.sizes[axis]
    if count == size:
        return x
    steps = np.arange(count, dtype=np.int64)
    chosen = (2 * steps + 1) * size // (2 * count) if centred else steps * size // count
    return graph.node("Gather", x, chosen, axis=axis)


def nearest_2d(graph: Graph, x: Tensor, height: int, width: int, *, centred: bool) -> Tensor:
    """Nearest-neighbour resize of the last two axes, as :func:`nearest`."""
    rows, columns = x.sizes[-2:]
    graph.options.room([*x.sizes[:-2], height, width])
    if height % rows == 0 and width % columns == 0 and x.rank == 4:
        # Whole factors: repetition by either rule, for which ONNX Runtime has a fast kernel.
        scales = np.array([1, 1, height // rows, width // columns], np.float32)
        return graph.node(
            "Resize", x, None, scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
    return nearest(graph, nearest(graph, x, -2, height, centred=centred), -1, width, centred=centred)


def linear_2d(graph: Graph, x: Tensor, height: int, width: int, mode: str) -> Tensor:
    """Bilinear resize of the last two axes on the grid of *mode*."""
    rows, columns = x.sizes[-2:]
    graph.options.room([*x.sizes[:-2], height, width])
    return linear(graph, linear(graph, x, -2, grid(rows, height, mode)), -1, grid(columns, width, mode))
