"""Lloyd's iteration on sorted values: nearest centroid, then mean, until nothing moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from export_pipeline.kmeans.nodes import Nodes
from export_pipeline.kmeans.paths import Sums

_MOST_ITERATIONS = 100


@dataclass(frozen=True)
class Solution:
    """Centroids, ascending, and the weighted sum of squared distances of all values from the nearest."""

    centroids: np.ndarray
    error: float


def middles(centroids: np.ndarray) -> np.ndarray:
    """Where the nearest centroid changes, ``(k - 1,)`` for k ascending *centroids*; float64."""
    exact = centroids.astype(np.float64)
    return exact[:-1] + (exact[1:] - exact[:-1]) / 2


def evaluated(nodes: Nodes, centroids: np.ndarray) -> Solution:
    """The ascending *centroids* as a solution for *nodes*, each of which goes to one centroid as a whole."""
    cuts = np.searchsorted(nodes.mean, middles(centroids), side="right")
    counts = np.diff(cuts, prepend=0, append=nodes.size)
    distance = nodes.mean - np.repeat(centroids.astype(np.float64), counts)
    distance *= distance
    return Solution(centroids, float(nodes.weight @ distance + nodes.scatter.sum()))


def lloyd_solution(nodes: Nodes, sums: Sums, cuts: np.ndarray) -> Solution:
    """The solution that *nodes*, parted at the k - 1 ascending, distinct inner *cuts*, come to by Lloyd's iteration."""
    centroids = _means(nodes, sums, cuts)
    for _ in range(_MOST_ITERATIONS):
        moved = np.searchsorted(nodes.mean, middles(centroids), side="right")
        if np.array_equal(moved, cuts) or (np.diff(moved, prepend=0, append=nodes.size) == 0).any():
            break
        cuts, centroids = moved, _means(nodes, sums, moved)
    return evaluated(nodes, _exact_means(nodes, cuts))


def _means(nodes: Nodes, sums: Sums, cuts: np.ndarray) -> np.ndarray:
    """Means of the clusters between *cuts*, from prefix sums: quick, but short of digits where those are large."""
    begins, ends = np.append(0, cuts), np.append(cuts, nodes.size)
    weight = sums.weight[ends] - sums.weight[begins]
    # A light cluster may have no digit left in heavy sums. Any place inside will do: the iteration goes on from there.
    offset = np.divide(sums.moment[ends] - sums.moment[begins], weight, out=np.zeros_like(weight), where=weight > 0)
    means = np.where(weight > 0, offset + nodes.mean[nodes.anchor], nodes.mean[begins])
    return _placed(nodes, means, begins, ends)


def _exact_means(nodes: Nodes, cuts: np.ndarray) -> np.ndarray:
    """Means of the clusters between *cuts*, each summed by itself."""
    begins, ends = np.append(0, cuts), np.append(cuts, nodes.size)
    moments = nodes.weight * (nodes.mean - np.repeat(nodes.mean[begins], ends - begins))
    means = nodes.mean[begins] + np.add.reduceat(moments, begins) / np.add.reduceat(nodes.weight, begins)
    return _placed(nodes, means, begins, ends)


def _placed(nodes: Nodes, means: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """*means* inside their clusters, and the fixed one where it has to be."""
    means = np.clip(means, nodes.mean[begins], nodes.mean[ends - 1])
    if nodes.fixed is not None:
        means[np.searchsorted(ends, nodes.fixed, side="right")] = nodes.mean[nodes.fixed]
    return means


def filled(nodes: Nodes, cuts: np.ndarray, clusters: int) -> np.ndarray:
    """*clusters* - 1 distinct inner cuts: those of *cuts*, and more at the widest gaps where there are fewer."""
    inner = np.unique(cuts[(cuts > 0) & (cuts < nodes.size)])
    missing = clusters - 1 - inner.size
    if missing > 0:
        gaps = np.diff(nodes.mean)
        gaps[inner - 1] = -1
        inner = np.sort(np.append(inner, np.argsort(-gaps, kind="stable")[:missing] + 1))
    return inner
