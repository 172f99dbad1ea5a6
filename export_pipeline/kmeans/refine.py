"""Coarse to fine until proven: dynamic programming over groups of values, finer each round and in narrower windows.

A round gives three things: a solution (an upper bound of the optimum), a lower bound, since grouping can only have
cost so much (``bound.py``), and where the cuts of an optimal solution can lie at all: a cut is out if the best
solution through it costs more than the best one known, even after what grouping can have cost. At the finest, the
groups are the single values, and nothing is left to prove.
"""

from __future__ import annotations

import numpy as np

from export_pipeline.kmeans.bound import most_lost
from export_pipeline.kmeans.lloyd import Solution, filled, lloyd_solution, middles
from export_pipeline.kmeans.nodes import Nodes, drawn_together, grouped
from export_pipeline.kmeans.paths import Layers, Sums, Windows, layers

# Proven to be at most this much above the optimum, relative to it, a solution is good enough.
TOLERANCE = 9e-4
_FINER = 4
_GROUPS_A_CLUSTER, _FEWEST_GROUPS = 8, 512


def search(values: Nodes, clusters: int) -> tuple[Solution, float]:
    """A solution for *values*, a node each and more than *clusters*, and a lower bound of the least possible error."""
    rounds = _Rounds(values, clusters)
    while True:
        before = rounds.best.error
        line, forward, lost = rounds.solve()
        finest = line.size == values.size
        # At the finest, a far better solution still helps: wide gaps are narrowed more, and digits are won.
        if rounds.best.error <= (1 + TOLERANCE) * rounds.lower or (finest and rounds.best.error > before / 2):
            return _iterated(values, _cuts(values, rounds.best)), rounds.lower
        rounds.narrow(line, forward, lost)


class _Rounds:
    """The best solution so far, the lower bound so far, and where to look next."""

    def __init__(self, values: Nodes, clusters: int) -> None:
        self.values, self.clusters = values, clusters
        self.resolution = max(_GROUPS_A_CLUSTER * clusters, _FEWEST_GROUPS)
        self.base = grouped(values, self.resolution * _FINER**2)
        self.extent = self.base.extent
        self.best = min((_iterated(self.base, cuts) for cuts in _seeds(self.base, clusters)), key=_error)
        self.lower = 0.0
        self.fewer = np.empty(0)  # costs of 1, 2, .. k clusters, at most
        # Cuts are counted in values here: the groups change.
        ends = np.array([0, values.size])
        self.windows = Windows(np.repeat(ends, [clusters, 1]), np.repeat(ends, [1, clusters]))

    def solve(self) -> tuple[Nodes, Layers, float]:
        """One round: the groups, the ways through them, and how much above the optimum those can be."""
        line = grouped(self._drawn(), self.resolution)
        sums = Sums.of(line)
        forward = layers(sums, _on(line, self.windows))
        cuts = forward.cuts()
        base_cuts = np.searchsorted(self.base.start, line.start[cuts])
        self.best = min(self.best, _iterated(self.base, filled(self.base, base_cuts, self.clusters)), key=_error)
        within = float(line.scatter.sum())
        if not self.fewer.size:
            self.fewer = np.array([cost[-1] for cost in forward.cost[1:]]) + within
        lost = sums.rounding(cuts)
        if self.clusters > 1:
            lost += most_lost(line, _gain(self.fewer, self.lower) + lost)
        self.lower = max(self.lower, min(float(forward.cost[-1][-1]) + within - lost, self.best.error))
        return line, forward, lost

    def _drawn(self) -> Nodes:
        """The base with its wide gaps narrowed; a finer base, if this one is too coarse or was made for wider gaps."""
        drawn = drawn_together(self.base, self.best.error)
        coarse = self.resolution > self.base.size or drawn.extent < self.extent / 2
        if coarse and self.base.size < self.values.size:
            self.base = grouped(self.values, self.resolution * _FINER**2, self.best.error)
            drawn = drawn_together(self.base, self.best.error)
            self.extent = drawn.extent
        return drawn

    def narrow(self, line: Nodes, forward: Layers, lost: float) -> None:
        """Go on with finer groups, in the windows that the best solution leaves to optimal ones."""
        limit = self.best.error + lost - float(line.scatter.sum())
        self.windows = _narrowed(line, forward, self.windows, limit)
        self.resolution *= _FINER


def _error(solution: Solution) -> float:
    return solution.error


def _iterated(nodes: Nodes, cuts: np.ndarray) -> Solution:
    return lloyd_solution(nodes, Sums.of(nodes), cuts)


def _cuts(nodes: Nodes, solution: Solution) -> np.ndarray:
    return np.searchsorted(nodes.mean, middles(solution.centroids), side="right")


def _seeds(nodes: Nodes, clusters: int) -> list[np.ndarray]:
    """Two first guesses of the inner cuts: equally many nodes in each cluster, and the widest gaps between clusters."""
    even = np.arange(1, clusters) * nodes.size // clusters
    return [filled(nodes, even, clusters), filled(nodes, even[:0], clusters)]


def _gain(fewer: np.ndarray, lower: float) -> float:
    """Upper bound of what one more cluster saves, by convexity, from the costs of 1, 2, .. k clusters."""
    return float(((fewer[-2::-1] - lower) / np.arange(1, fewer.size)).min())


def _on(line: Nodes, windows: Windows) -> Windows:
    """*windows*, counted in values, as cuts between the nodes of *line*, rounded outwards."""
    low = np.searchsorted(line.start, windows.low, side="right") - 1
    return Windows(low, np.searchsorted(line.start, windows.high, side="left"))


def _narrowed(line: Nodes, forward: Layers, windows: Windows, limit: float) -> Windows:
    """The cuts of *windows* that a solution of at most *limit* on *line* can have, or has beside them, in values."""
    backward = layers(Sums.of(line).mirrored(), forward.windows.mirrored(line.size))
    low, high = windows.low.copy(), windows.high.copy()
    for q in range(1, low.size - 1):
        through = forward.cost[q] + backward.cost[-1 - q][::-1]
        possible = np.flatnonzero(through <= max(limit, float(through.min()))) + forward.windows.low[q]
        low[q] = max(low[q], line.start[max(possible[0] - 1, 0)])
        high[q] = min(high[q], line.start[min(possible[-1] + 1, line.size)])
    return Windows(np.maximum.accumulate(low), np.minimum.accumulate(high[::-1])[::-1])
