"""How much less than its groups say the values themselves can cost: the proof that grouping lost next to nothing.

Grouping is exact but where two clusters meet inside a group. There, with centroids a distance g apart, putting the
whole group on one side of the cut costs at most g times the group's spread. The stretches between neighbouring
centroids do not overlap, so all of it together is at most the integral, over all positions, of the largest spread of
any group whose stretch can reach the position. How long a stretch can be follows from what one more centroid, put
where two clusters meet, would gain: the costs of 1, 2, 3 .. clusters are convex, so it gains less than earlier ones.
"""

from __future__ import annotations

import numpy as np

from export_pipeline.kmeans.nodes import Nodes, outward_sums

_BISECTIONS = 12


def most_lost(nodes: Nodes, gain: float) -> float:
    """Upper bound of (optimum over *nodes* as wholes) - (optimum over their values).

    Args:
        nodes: the groups.
        gain: upper bound of how much one more cluster could save.
    """
    if not nodes.spread.any():
        return 0.0
    reach = _longest_stretch(nodes, gain) / 2
    left, right = nodes.low - reach, nodes.high + reach
    first = np.maximum(np.searchsorted(nodes.low, left, side="right") - 1, 0)
    behind = np.maximum(np.searchsorted(nodes.low, right, side="left"), first + 1)
    height = _highest_over(first, behind, nodes.spread)
    ends = np.append(nodes.low[1:], nodes.high[-1])
    from_left = np.maximum.accumulate(right) - nodes.low
    from_right = np.append(ends[:-1] - np.minimum.accumulate(left[::-1])[::-1][1:], 0)
    covered = np.minimum(ends - nodes.low, np.maximum(from_left, 0) + np.maximum(from_right, 0))
    return float((height * covered).sum())


def _longest_stretch(nodes: Nodes, gain: float) -> np.ndarray:
    """For each node, how far apart the centroids of two clusters that meet in it can be.

    One more centroid in the middle of a stretch g saves at least ``g * g / 8`` for each value within ``g / 8`` of it.
    """
    weight = outward_sums(nodes.weight, nodes.anchor)
    whole = nodes.high[-1] - nodes.low[0]
    shortest = np.maximum(8 * (nodes.high - nodes.low), whole * 1e-12)
    longest = np.maximum(np.full(nodes.size, 2 * whole), shortest)
    for _ in range(_BISECTIONS):
        middle = np.sqrt(shortest * longest)
        first = np.searchsorted(nodes.low, nodes.high - middle / 8, side="left")
        behind = np.searchsorted(nodes.high, nodes.low + middle / 8, side="right")
        near = weight[np.maximum(behind, first)] - weight[first]
        possible = near * middle**2 / 8 <= gain
        shortest, longest = np.where(possible, middle, shortest), np.where(possible, longest, middle)
    return np.asarray(longest)


def _highest_over(first: np.ndarray, behind: np.ndarray, height: np.ndarray) -> np.ndarray:
    """For each cell the largest of *height* among the ranges ``first..behind - 1`` that hold it."""
    level = np.frexp((behind - first).astype(np.float64))[1] - 1
    table = np.zeros((int(level.max()) + 1, height.size))
    np.maximum.at(table, (level, first), height)
    np.maximum.at(table, (level, behind - (1 << level)), height)
    for upper in range(table.shape[0] - 1, 0, -1):
        half = 1 << (upper - 1)
        np.maximum(table[upper - 1], table[upper], out=table[upper - 1])
        np.maximum(table[upper - 1][half:], table[upper][:-half], out=table[upper - 1][half:])
    return np.asarray(table[0])
