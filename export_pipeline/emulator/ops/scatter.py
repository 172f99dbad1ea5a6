"""Writing values at places."""

from __future__ import annotations

import numpy as np

from ..bounds import without_spare, writable
from ..calls import Call
from ..graph import Tensor
from ..moves import masked_slice, reshape
from ..registry import lower
from ..scatters import scatter, scatter_along, scatter_nd


@lower("scatter")
def lower_scatter(call: Call) -> Tensor:
    """Slices along an axis."""
    data, updates = call.tensor("data"), call.tensor("updates")
    axis = int(call.value("axis")) % data.rank
    data, indices, spare = writable(call, data, [axis])
    written = scatter(call.graph, data, indices, updates, axis, str(call.value("mode")))
    return without_spare(call.graph, written, axis) if spare else written


@lower("scatter_along_axis")
def lower_scatter_along_axis(call: Call) -> Tensor:
    """Elements along an axis."""
    data, updates = call.tensor("data"), call.tensor("updates")
    axis = int(call.value("axis")) % data.rank
    data, indices, spare = writable(call, data, [axis])
    written = scatter_along(call.graph, data, indices, updates, axis, str(call.value("mode")))
    return without_spare(call.graph, written, axis) if spare else written


@lower("scatter_nd")
def lower_scatter_nd(call: Call) -> Tensor:
    """Slices at index vectors."""
    data, updates = call.tensor("data"), call.tensor("updates")
    parts = call.tensor("indices").sizes[-1]
    data, indices, spare = writable(call, data, range(parts))
    written = scatter_nd(call.graph, data, indices, updates, str(call.value("mode")))
    return without_spare(call.graph, written, 0) if spare else written


@lower("slice_update", exact=True)
def slice_update(call: Call) -> Tensor:
    """``x[begin:end:stride] = update``, with the masks of ``slice_by_index``."""
    x, update, graph = call.tensor("x"), call.tensor("update"), call.graph
    total = int(np.prod(x.sizes))
    places = graph.constant(np.arange(total, dtype=np.int64).reshape(x.sizes))
    stride = np.asarray(call.value("stride", np.ones(x.rank)), np.int64)
    masks = [np.asarray(call.value(f"{n}_mask", np.zeros(x.rank)), bool) for n in ("begin", "end", "squeeze")]
    begin, end = (graph.cast(call.tensor(name), np.int64) for name in ("begin", "end"))
    chosen = masked_slice(graph, places, begin, end, stride, *masks)
    flat = [reshape(graph, tensor, [-1]) for tensor in (x, chosen, update)]
    return reshape(graph, graph.node("ScatterElements", *flat, axis=0), list(x.sizes))
