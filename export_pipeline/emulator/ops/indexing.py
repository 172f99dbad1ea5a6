"""Looking values up, and making new ones."""

from __future__ import annotations

import numpy as np

from ..bounds import readable
from ..calls import Call
from ..graph import Graph, Tensor, ints
from ..guard import DependsOnData
from ..registry import lower


@lower("gather", exact=True)
def gather(call: Call) -> Tensor:
    """``x[indices]`` along an axis."""
    x = call.tensor("x")
    axis, batch = int(call.value("axis")), int(call.value("batch_dims", 0))
    indices = readable(call, x, [axis])
    if not batch:
        return call.graph.node("Gather", x, indices, axis=axis)
    return batched_gather(call.graph, x, indices, axis % x.rank, batch)


def batched_gather(graph: Graph, x: Tensor, indices: Tensor, axis: int, batch: int) -> Tensor:
    """``x[b.., .., indices[b..], ..]``: the first *batch* axes of both go together."""
    # GatherND takes the axis right after the batch: it is moved there, and the axes before it go back in the end.
    front = list(range(batch))
    between = list(range(batch, axis))
    behind = list(range(axis + 1, x.rank))
    moved = graph.node("Transpose", x, perm=[*front, axis, *between, *behind])
    vectors = graph.node("Unsqueeze", graph.cast(indices, np.int64), ints([-1]))
    found = graph.node("GatherND", moved, vectors, batch_dims=batch)
    taken = list(range(batch, indices.rank))
    kept = list(range(indices.rank, indices.rank + len(between)))
    rest = list(range(indices.rank + len(between), indices.rank + len(between) + len(behind)))
    return graph.node("Transpose", found, perm=[*front, *kept, *taken, *rest])


@lower("gather_along_axis", exact=True)
def gather_along_axis(call: Call) -> Tensor:
    """``numpy.take_along_axis``"""
    x, axis = call.tensor("x"), int(call.value("axis"))
    return call.graph.node("GatherElements", x, readable(call, x, [axis]), axis=axis)


@lower("gather_nd", exact=True)
def gather_nd(call: Call) -> Tensor:
    """Slices of ``x`` at index vectors."""
    x, batch = call.tensor("x"), int(call.value("batch_dims", 0))
    parts = call.tensor("indices").shape
    if parts is None or parts[-1] is None:
        raise DependsOnData("the length of index vectors depends on data")
    indices = call.graph.cast(readable(call, x, range(batch, batch + parts[-1])), np.int64)
    return call.graph.node("GatherND", x, indices, batch_dims=batch)


@lower("shape", exact=True)
def shape(call: Call) -> Tensor:
    """The sizes of ``x``."""
    return call.graph.node("Shape", call.tensor("x"))


@lower("fill", exact=True)
def fill(call: Call) -> Tensor:
    """A shape full of one value."""
    value = call.graph.constant(call.value("value"))
    return call.graph.node("Expand", value, call.graph.cast(call.tensor("shape"), np.int64))


@lower("fill_like", exact=True)
def fill_like(call: Call) -> Tensor:
    """The shape of ``ref_tensor`` full of one value."""
    value = call.graph.constant(call.value("value"))
    return call.graph.node("Expand", value, call.graph.node("Shape", call.tensor("ref_tensor")))


@lower("range_1d")
def range_1d(call: Call) -> Tensor:
    """``numpy.arange``"""
    return call.graph.node("Range", *(call.tensor(name) for name in ("start", "end", "step")))


@lower("one_hot", exact=True)
def one_hot(call: Call) -> Tensor:
    """One value at each index, another elsewhere."""
    graph = call.graph
    values = graph.constant(np.array([call.value("off_value"), call.value("on_value")], np.float32))
    depth = graph.cast(call.tensor("one_hot_vector_size"), np.int64)
    indices = graph.cast(call.tensor("indices"), np.int64)
    return graph.node("OneHot", indices, depth, values, axis=int(call.value("axis")))


@lower("band_part", exact=True)
def band_part(call: Call) -> Tensor:
    """Zero outside a band around the diagonal; -1 keeps the whole triangle."""
    x = call.tensor("x")
    rows, columns = x.sizes[-2:]
    lower_count, upper_count = int(call.value("lower")), int(call.value("upper"))
    offset = np.arange(columns)[None, :] - np.arange(rows)[:, None]
    inside = ((lower_count < 0) | (-offset <= lower_count)) & ((upper_count < 0) | (offset <= upper_count))
    return call.graph.node("Where", inside, x, call.graph.constant(0, x.dtype))


@lower("non_zero")
def non_zero(call: Call) -> Tensor:
    """The index vectors of elements that are not zero."""
    return call.graph.node("Transpose", call.graph.node("NonZero", call.tensor("x")), perm=[1, 0])
