"""Dynamic programming over cuts: what a row of nodes costs in 1, 2, .. k clusters, exactly.

The cost of a cluster is concave Monge in its two ends, so the best last cut moves right with the end of the row, and
all rows of a layer are found by halving (Grønlund et al., "Fast exact k-means ... in 1D", 2017, section 3), here one
NumPy call for all rows of the same halving.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from export_pipeline.kmeans.nodes import Nodes, outward_sums

_TINY = np.finfo(np.float64).tiny
_EPSILON = np.finfo(np.float64).eps


@dataclass(frozen=True)
class Sums:
    """Prefix sums over nodes, from which the cost of any cluster follows; each is ``(nodes + 1,)``."""

    weight: np.ndarray
    moment: np.ndarray
    square: np.ndarray
    fixed: int | None

    @classmethod
    def of(cls, nodes: Nodes) -> Sums:
        """Sums of *nodes*, positions counted from their anchor."""
        position = nodes.mean - nodes.mean[nodes.anchor]
        moment = nodes.weight * position
        weight, first, second = (outward_sums(x, nodes.anchor) for x in (nodes.weight, moment, moment * position))
        return cls(weight, first, second, nodes.fixed)

    def rounding(self, cuts: np.ndarray) -> float:
        """How far rounding can have put the cost of a solution with cuts like *cuts*.

        A sum between two cuts is out by a step in the last digit of the prefix sums there for each node, up or down.
        Infinitely far, if no digit is left of the weight of a cluster.
        """
        cuts = np.unique(cuts)
        if (np.diff(self.weight[cuts]) <= 0).any():
            return np.inf
        weight, moment, square = (
            np.maximum(np.abs(each[cuts[:-1]]), np.abs(each[cuts[1:]]))
            for each in (self.weight, self.moment, self.square)
        )
        if (np.rint(self.weight) == self.weight).all():
            weight = 0 * weight  # whole numbers are added without error
        centre = np.abs(np.diff(self.moment[cuts]) / np.diff(self.weight[cuts]))
        parts = square + 2 * moment * centre + weight * centre**2
        return float(_EPSILON * (parts * np.sqrt(np.diff(cuts))).sum())

    def mirrored(self) -> Sums:
        """The sums of the same nodes from right to left."""
        fixed = None if self.fixed is None else self.weight.size - 2 - self.fixed
        return Sums(-self.weight[::-1], self.moment[::-1], -self.square[::-1], fixed)


@dataclass(frozen=True)
class Windows:
    """The cuts that are looked at: cut ``q`` (0 is the left end, k the right one) lies in ``low[q]..high[q]``."""

    low: np.ndarray
    high: np.ndarray

    def mirrored(self, nodes: int) -> Windows:
        """The same cuts counted from the right end of *nodes* nodes."""
        return Windows(nodes - self.high[::-1], nodes - self.low[::-1])


@dataclass(frozen=True)
class Layers:
    """``cost[q][j]`` is the least cost of what is left of cut ``low[q] + j`` in q clusters.

    ``origin[q - 1][j]`` is where cut ``q - 1`` lies then.
    """

    windows: Windows
    cost: list[np.ndarray]
    origin: list[np.ndarray]

    def cuts(self) -> np.ndarray:
        """The k + 1 cuts of the best solution, ascending; an empty cluster shows as a cut twice."""
        cuts = [int(self.windows.high[-1])]
        for low, origin in zip(self.windows.low[:0:-1], self.origin[::-1], strict=True):
            cuts.append(int(origin[cuts[-1] - low]))
        return np.array(cuts[::-1])


def layers(sums: Sums, windows: Windows) -> Layers:
    """The cheapest ways to every cut of *windows*, cluster by cluster."""
    cost, origin = [np.zeros(1)], []
    for q in range(1, windows.low.size):
        layer = _Layer(sums, cost[-1], int(windows.low[q - 1]), int(windows.low[q]), int(windows.high[q]))
        # A cluster with no digit left of its weight may seem to cost less than any number: a lower bound all the same.
        with np.errstate(over="ignore"):
            found = layer.solve()
        cost.append(found[0])
        origin.append(found[1])
    return Layers(windows, cost, origin)


class _Layer:
    """Cuts ``first..last`` as rows, the cuts before them as columns, from ``left`` on, that cost ``before``."""

    def __init__(self, sums: Sums, before: np.ndarray, left: int, first: int, last: int) -> None:
        rows, columns = slice(first, last + 1), slice(left, left + before.size)
        self.row = sums.weight[rows], sums.moment[rows], sums.square[rows]
        self.column = sums.weight[columns], sums.moment[columns], before - sums.square[columns]
        # A cluster may be empty, but does not end before it begins.
        self.most = np.minimum(np.arange(first, last + 1) - left, before.size - 1)
        self.left = left
        self.fixed: tuple[int, int] | None = None
        if sums.fixed is not None and left <= sums.fixed < last:
            self.fixed = sums.fixed - left, sums.fixed - first
        self.cost = np.empty(self.most.size)
        self.best = np.empty(self.most.size, np.int64)

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        """Cost of every row and the cut before it."""
        rows = self.most.size
        stride = 1 << (rows - 1).bit_length()
        self._fill(np.zeros(1, np.int64), np.zeros(1, np.int64), self.most[:1])
        while stride > 1:
            half = stride // 2
            between = np.arange(half, rows, stride)
            right = self.most[between]
            known = between + half < rows
            right[known] = np.minimum(right[known], self.best[between[known] + half])
            self._fill(between, self.best[between - half], right)
            stride = half
        return self.cost + self.row[2], self.best + self.left

    def _fill(self, rows: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
        """Find the best of columns ``left..right`` for each of *rows*."""
        lengths = right - left + 1
        ends = lengths.cumsum()
        begins = ends - lengths
        column = np.arange(ends[-1])
        column += (left - begins).repeat(lengths)
        weight = self.row[0][rows].repeat(lengths)
        weight -= self.column[0][column]
        if self.fixed is not None:
            # As if the fixed value weighed infinitely much: the centroid does not move from it.
            weight[(column <= self.fixed[0]) & (rows > self.fixed[1]).repeat(lengths)] = np.inf
        np.maximum(weight, _TINY, out=weight)
        cost = self.row[1][rows].repeat(lengths)
        cost -= self.column[1][column]
        cost *= cost
        cost /= weight
        np.subtract(self.column[2][column], cost, out=cost)
        least = np.minimum.reduceat(cost, begins)
        hits = (cost == least.repeat(lengths)).nonzero()[0]
        if hits.size > rows.size:
            hits = hits[np.searchsorted(hits, begins)]
        self.cost[rows] = least
        self.best[rows] = column[hits]
