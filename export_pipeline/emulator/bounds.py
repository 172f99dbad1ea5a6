"""Indices from iOS 17 on: negative ones are out of bounds, and a program says whether that is an error.

With ``validate_indices`` a run that meets one fails. Without, what an operation makes of one is not defined, but the
run goes on: here nothing is written, and the nearest element is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import EmulatorError
from .calls import Call
from .graph import Graph, Tensor, ints


def readable(call: Call, data: Tensor, axes: Sequence[int]) -> Tensor:
    """The argument ``indices`` of a gather from *data*, every index inside. Vectors run along several *axes*."""
    indices = call.tensor("indices")
    if _harmless(call, data, axes):
        return indices
    limit = _limit(call.graph, data, axes, indices.dtype)
    if bool(call.value("validate_indices")):
        return _checked(call, indices, limit)
    last = call.graph.node("Sub", limit, 1)
    return call.graph.node("Max", call.graph.node("Min", indices, last), call.graph.constant(0, indices.dtype))


def writable(call: Call, data: Tensor, axes: Sequence[int]) -> tuple[Tensor, Tensor, bool]:
    """The *data* and ``indices`` of a scatter, and whether the data has a spare slice at the end of the first axis.

    What lies out of bounds is written there. Vectors of indices run along several *axes*.
    """
    indices, graph = call.tensor("indices"), call.graph
    if _harmless(call, data, axes):
        return data, indices, False
    limit = _limit(graph, data, axes, indices.dtype)
    if bool(call.value("validate_indices")):
        return data, _checked(call, indices, limit), False
    outside = graph.node("Or", graph.node("Less", indices, 0), graph.node("GreaterOrEqual", indices, limit))
    if len(axes) > 1:
        outside = graph.cast(graph.node("ReduceMax", graph.cast(outside, np.int32), ints([-1]), keepdims=1), np.bool_)
    only_first = graph.constant(np.arange(len(axes)) == 0, indices.dtype)
    indices = graph.node("Where", outside, graph.node("Mul", limit, only_first), indices)
    spare = graph.node("Slice", data, ints([0]), ints([1]), ints(axes[:1]))
    return graph.node("Concat", data, spare, axis=axes[0]), indices, True


def without_spare(graph: Graph, data: Tensor, axis: int) -> Tensor:
    """*data* without the spare slice at the end of *axis*."""
    return graph.node("Slice", data, ints([0]), ints([-1]), ints([axis]))


def _harmless(call: Call, data: Tensor, axes: Sequence[int]) -> bool:
    """Whether nothing can be out of bounds, or the opset is one before the rule."""
    if not call.has("validate_indices"):
        return True
    known = call.known("indices")
    sizes = [data.shape[axis] for axis in axes] if data.shape is not None else [None]
    if known is None or None in sizes:
        return False
    return bool(np.all((np.asarray(known) >= 0) & (np.asarray(known) < np.array(sizes))))


def _limit(graph: Graph, data: Tensor, axes: Sequence[int], dtype: np.dtype[Any]) -> Tensor:
    """The sizes of *data* along *axes*."""
    return graph.cast(graph.node("Gather", graph.node("Shape", data), ints(axes)), dtype)


def _checked(call: Call, indices: Tensor, limit: Tensor) -> Tensor:
    def check(values: np.ndarray, sizes: np.ndarray) -> list[np.ndarray]:
        if (values < 0).any() or (values >= sizes).any():
            raise EmulatorError(f"an index of {call.operation.op_type!r} is not in [0, {sizes.max()})")
        return [values]

    return call.graph.host(check, [indices, limit], [(indices.dtype, indices.shape)])[0]
