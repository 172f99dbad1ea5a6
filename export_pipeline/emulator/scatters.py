"""Scatter operations of both model formats."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph import Graph, Tensor, ints

_REDUCTIONS = {"update": "none", "add": "add", "sub": "add", "mul": "mul", "max": "max", "min": "min"}
MODES = ("update", "add", "sub", "mul", "div", "max", "min")


def _apply(
    graph: Graph, op_type: str, data: Tensor, indices: Tensor, updates: Tensor, mode: str, **axis: Any
) -> Tensor:
    if mode == "div":
        ones = graph.node("Expand", graph.constant(1, data.dtype), graph.node("Shape", data))
        divisor = graph.node(op_type, ones, indices, updates, reduction="mul", **axis)
        return graph.node("Div", data, divisor)
    if mode == "sub":
        updates = graph.node("Neg", updates)
    return graph.node(op_type, data, indices, updates, reduction=_REDUCTIONS[mode], **axis)


def scatter_along(graph: Graph, data: Tensor, indices: Tensor, updates: Tensor, axis: int, mode: str) -> Tensor:
    """``data[.., indices, ..] op= updates`` element by element along *axis*."""
    updates = graph.cast(updates, data.dtype)
    return _apply(graph, "ScatterElements", data, graph.cast(indices, np.int64), updates, mode, axis=axis)


def scatter_nd(graph: Graph, data: Tensor, indices: Tensor, updates: Tensor, mode: str) -> Tensor:
    """``data[indices] op= updates`` for index vectors."""
    return _apply(graph, "ScatterND", data, graph.cast(indices, np.int64), graph.cast(updates, data.dtype), mode)


def scatter(graph: Graph, data: Tensor, indices: Tensor, updates: Tensor, axis: int, mode: str) -> Tensor:
    """``data[.., indices, ..] op= updates`` slice by slice along *axis*."""
    rank, count = data.rank, indices.rank
    axis %= rank
    order = [axis, *(i for i in range(rank) if i != axis)]
    front = list(range(axis, axis + count))
    moved = graph.node("Transpose", updates, perm=front + [i for i in range(updates.rank) if i not in front])
    vectors = graph.node("Unsqueeze", graph.cast(indices, np.int64), ints([-1]))
    turned = graph.node("Transpose", data, perm=order)
    result = scatter_nd(graph, turned, vectors, moved, mode)
    return graph.node("Transpose", result, perm=[int(i) for i in np.argsort(order)])
