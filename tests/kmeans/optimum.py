"""The optimum of one-dimensional k-means by the plainest dynamic programming there is."""

from __future__ import annotations

import numpy as np


def cluster_costs(values: np.ndarray, weights: np.ndarray, kept: float | None) -> np.ndarray:
    """``[i, j]``: cost of a cluster of the ascending *values* i to j - 1; with its centroid at *kept*, if it holds it.

    Clusters grow by a value at a time, and their costs by what it adds (Welford, 1962): no difference of large numbers.
    """
    count = values.size
    costs = np.full((count + 1, count + 1), np.inf)
    weight, mean, cost, around = np.zeros((4, count))
    for end, (value, added) in enumerate(zip(values, weights, strict=True)):
        grown = slice(0, end + 1)
        share = added / np.maximum(weight[grown] + added, np.finfo(float).tiny)
        cost[grown] += weight[grown] * share * (value - mean[grown]) ** 2
        mean[grown] += share * (value - mean[grown])
        weight[grown] += added
        costs[grown, end + 1] = cost[grown]
        if kept is not None:
            around[grown] += added * (value - kept) ** 2
            holds = (values[grown] <= kept) & (value >= kept)
            costs[grown, end + 1][holds] = around[grown][holds]
    return costs


def optima(values: np.ndarray, most: int, weights: np.ndarray | None = None, kept: float | None = None) -> np.ndarray:
    """Least squared error of *values* with at most 1, 2, .. *most* centroids; one of them *kept*, if that is given."""
    flat = values.astype(np.float32).astype(np.float64).ravel()
    order = np.argsort(flat)
    costs = cluster_costs(flat[order], np.ones(flat.size) if weights is None else weights.ravel()[order], kept)
    layers = [costs[0]]
    for _ in range(1, most):
        layers.append((layers[-1][:, None] + costs).min(axis=0))
    return np.minimum.accumulate([layer[-1] for layer in layers])
