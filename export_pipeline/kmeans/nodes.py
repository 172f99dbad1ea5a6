"""Sorted values in groups of neighbours: what clustering sees of them, and how fine the groups are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Nodes:
    """Disjoint runs of sorted values from left to right; every array has one entry a node, ``start`` one more.

    Positions are float64. A node of one value has no scatter and no spread, and its low, mean and high are the value.
    """

    start: np.ndarray  # where the node begins among the sorted values; the last entry is their number
    weight: np.ndarray  # total weight, positive
    mean: np.ndarray  # weighted mean position
    low: np.ndarray  # position of the first value
    high: np.ndarray  # position of the last value
    scatter: np.ndarray  # weighted sum of squared distances from the mean
    spread: np.ndarray  # weighted sum of distances from the mean, or more
    first: np.ndarray  # weight of the first value
    last: np.ndarray  # weight of the last value
    fixed: int | None  # the node, of one value, whose cluster has that value as its centroid whatever else is in it
    anchor: int  # a node near most of the weight, which rounding errors are kept away from

    @property
    def size(self) -> int:
        """Number of nodes."""
        return self.mean.size

    @property
    def extent(self) -> float:
        """Distance from the first value to the last."""
        return float(self.high[-1] - self.low[0])


def single_values(values: np.ndarray, weight: np.ndarray, fixed: int | None) -> Nodes:
    """A node for each of the ascending, distinct *values*."""
    nothing = np.broadcast_to(0.0, values.shape)
    if fixed is None:
        total = np.cumsum(weight)
        anchor = min(int(np.searchsorted(total, total[-1] / 2)), values.size - 1)
    else:
        anchor = fixed
    start = np.arange(values.size + 1)
    return Nodes(start, weight, values, values, values, nothing, nothing, weight, weight, fixed, anchor)


def outward_sums(values: np.ndarray, anchor: int) -> np.ndarray:
    """Prefix sums ``(n + 1,)`` that are zero at *anchor*.

    Far-off values have large sums. Counted from the anchor, those do not swallow what lies near it.
    """
    sums = np.zeros(values.size + 1)
    np.cumsum(values[anchor:], out=sums[anchor + 1 :])
    sums[:anchor] = -np.cumsum(values[:anchor][::-1])[::-1]
    return sums


def grouped(nodes: Nodes, parts: int, error: float = np.inf) -> Nodes:
    """About *parts* groups of *nodes*, or *nodes* themselves if they are no more.

    Half of the measure is the cube root of the density: the clusters of an optimal solution lie that way (Panter and
    Dite, 1951), and so do the groups that lose least. The rest is weight and number, so that no group has much of
    either, whatever gap or single value takes up all of the other measures. Gaps too wide for any cluster of a
    solution that costs at most *error* count no more than the widest that is not.
    """
    if nodes.size <= parts:
        return nodes
    width = np.diff(nodes.low, append=nodes.high[-1])
    if error < np.inf:
        width[:-1] = np.minimum(width[:-1], nodes.high[:-1] - nodes.low[:-1] + _widest(nodes, error))
    lengths = np.cbrt(nodes.weight * width**2)
    measure = 2 / lengths.sum() * lengths + 1 / nodes.weight.sum() * nodes.weight + 1 / nodes.size
    part = ((np.cumsum(measure) - measure / 2) * (parts / 4)).astype(np.int64)
    begins = np.concatenate([[True], part[1:] != part[:-1]])
    if nodes.fixed is not None:
        begins[nodes.fixed : nodes.fixed + 2] = True
    return _merged(nodes, np.flatnonzero(begins))


def _merged(nodes: Nodes, begins: np.ndarray) -> Nodes:
    """*nodes* joined to groups that begin where *begins* says."""
    counts = np.diff(begins, append=nodes.size)
    ends = begins + counts - 1
    weight = np.add.reduceat(nodes.weight, begins)
    low, high = nodes.low[begins], nodes.high[ends]
    mean = np.clip(np.add.reduceat(nodes.weight * nodes.mean, begins) / weight, low, high)
    offset = nodes.mean - np.repeat(mean, counts)
    moment = nodes.weight * offset
    return Nodes(
        start=nodes.start[np.append(begins, nodes.size)],
        weight=weight,
        mean=mean,
        low=low,
        high=high,
        scatter=np.add.reduceat(nodes.scatter + moment * offset, begins),
        spread=np.add.reduceat(nodes.spread + np.abs(moment), begins),
        first=nodes.first[begins],
        last=nodes.last[ends],
        fixed=None if nodes.fixed is None else int(np.searchsorted(begins, nodes.fixed)),
        anchor=int(np.searchsorted(begins, nodes.anchor, side="right")) - 1,
    )


def drawn_together(nodes: Nodes, error: float) -> Nodes:
    """*nodes* with their wide gaps narrowed to where a cluster across one would still cost more than *error*.

    A cluster over a gap costs at least what the two values beside it cost. If that is more than a whole solution
    does, no optimal cluster is there, and the gap's width is nothing to it. Narrow gaps leave more digits to the rest.
    """
    length = nodes.high - nodes.low
    gap = nodes.low[1:] - nodes.high[:-1]
    low = outward_sums(length[:-1] + np.minimum(gap, _widest(nodes, error)), nodes.anchor)
    return replace(nodes, low=low, mean=low + (nodes.mean - nodes.low), high=low + length)


def _widest(nodes: Nodes, error: float) -> np.ndarray:
    """Width of each gap between *nodes* from which on a cluster across it costs at least twice *error*."""
    return np.sqrt(2 * error * (1 / nodes.last[:-1] + 1 / nodes.first[1:]))
