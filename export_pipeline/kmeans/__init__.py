"""k-means in one dimension, fast and within 0.1 % of the least possible squared error: each call tells what is proven.

``kmeans(values, clusters)`` gives each value of an array one of at most 256 centroids. See README.md for how.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from export_pipeline.errors import UsageError
from export_pipeline.kmeans.lloyd import evaluated, middles
from export_pipeline.kmeans.nodes import Nodes, single_values
from export_pipeline.kmeans.refine import search

MOST_CLUSTERS = 256
# The square of a sum of weighted float32 values stays a float64 up to here.
MOST_WEIGHT = 1e100


@dataclass(frozen=True)
class Clusters:
    """Values as centroids and indices: ``centroids[indices]`` is the clustered array."""

    centroids: np.ndarray
    """``(k,)`` float32, ascending and distinct."""
    indices: np.ndarray
    """uint8, of the values' shape: the nearest centroid of each value, the lower one of two equally near."""
    squared_error: float
    """Weighted sum of squared distances between the values, as float32, and their centroids."""
    excess: float
    """Proven upper bound of how far ``squared_error`` is above the least possible, relative to that.

    Infinite if nothing could be proven: the weights are too many digits apart for their sums.
    """


def kmeans(values: np.ndarray, clusters: int, weights: np.ndarray | None = None, keep_zero: bool = False) -> Clusters:
    """Centroids that are within 0.1 % of the least weighted sum of squared distances to *values*.

    The result depends on the arguments alone: there is no random start. With no more distinct values than *clusters*
    the centroids are those values, and the error is 0. The 0.1 % is for centroids as real numbers. Rounding them to
    float32 adds less than that unless a cluster spans only a few neighbouring float32 numbers, and with weights ten or
    more digits apart the proof can run out of digits: ``Clusters.excess`` tells what is proven, with all that counted.

    Args:
        values: finite floats (16, 32 or 64 bits) of any shape, not empty. They are taken as float32, -0.0 as 0.0.
        clusters: 1 to 256 centroids are asked for. There are fewer if fewer distinct values have a positive weight.
        weights: of the values' shape, 0 to 1e100: what an error at each value counts. Values of weight 0
            get the nearest centroid and have no say in where it is. Weights that are all 0 are taken as all 1.
        keep_zero: one centroid is exactly 0.0, so that all zeros (pruned weights) stay zeros, and the others are the
            best beside it. A value near zero may become 0.0, too. Without any zero in *values* it changes nothing.

    Raises:
        UsageError: an argument is not as said above.
    """
    flat = _checked_values(values).ravel()
    if isinstance(clusters, bool) or not isinstance(clusters, (int, np.integer)) or not 1 <= clusters <= MOST_CLUSTERS:
        raise UsageError(f"k-means into {clusters!r} clusters is not possible; allowed: 1 to {MOST_CLUSTERS}")
    line = _line(flat, None if weights is None else _checked_weights(weights, values.shape), keep_zero)
    if line.size <= clusters:
        found, least = evaluated(line, line.mean), 0.0
    else:
        found, least = search(line, int(clusters))
    centroids = found.centroids.astype(np.float32)
    error = evaluated(line, centroids).error
    indices = np.searchsorted(middles(centroids), flat, side="left").astype(np.uint8)
    return Clusters(centroids, indices.reshape(values.shape), error, _excess(error, least))


def _excess(error: float, least: float) -> float:
    """How far *error* is above its lower bound *least*, relative to that; infinite if nothing is proven."""
    if error == 0:
        return 0.0
    return max(error / least - 1, 0.0) if least > 0 else float("inf")


def _checked_values(values: np.ndarray) -> np.ndarray:
    """*values* as float32 without -0.0."""
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        found = getattr(values, "dtype", type(values).__name__)
        raise UsageError(f"k-means takes arrays of floats, not {found}")
    if not values.size:
        raise UsageError("k-means of no values is not possible; give at least one")
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    if not np.isfinite(single).all():
        wrong = int(values.size - np.isfinite(single).sum())
        raise UsageError(f"{wrong} of {values.size} values for k-means are NaN, infinite or beyond float32")
    single += 0.0
    return single


def _checked_weights(weights: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """*weights* as a float64 vector; all ones for all zeros."""
    if not isinstance(weights, np.ndarray) or weights.dtype.kind not in "fiu" or weights.shape != shape:
        found = getattr(weights, "shape", type(weights).__name__)
        raise UsageError(f"k-means weights must be an array of numbers of the values' shape {shape}, not {found}")
    exact = weights.astype(np.float64).ravel()
    if not (np.isfinite(exact).all() and (exact >= 0).all()):
        raise UsageError("k-means weights must be finite and not negative")
    if exact.max() > MOST_WEIGHT:
        raise UsageError(f"k-means weights go up to {MOST_WEIGHT:g}, not {exact.max():g}; divide all by the largest")
    return exact if exact.any() else np.ones_like(exact)


def _line(flat: np.ndarray, weights: np.ndarray | None, keep_zero: bool) -> Nodes:
    """The distinct values of positive weight in ascending order, and zero, if it is kept."""
    if weights is None:
        ordered, counted = np.sort(flat), None
    else:
        told = (weights > 0) | ((flat == 0) & keep_zero)
        flat, weights = flat[told], weights[told]
        order = np.argsort(flat, kind="stable")
        ordered, counted = flat[order], weights[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    distinct = ordered[begins].astype(np.float64)
    if counted is None:
        weight = np.diff(begins, append=ordered.size).astype(np.float64)
    else:
        weight = np.add.reduceat(counted, begins)
    fixed = None
    if keep_zero and 0 in distinct:
        fixed = int(np.searchsorted(distinct, 0.0))
        weight[fixed] = weight[fixed] or 1.0  # nothing follows from what zero weighs: it is where its centroid is
    return single_values(distinct, weight, fixed)
