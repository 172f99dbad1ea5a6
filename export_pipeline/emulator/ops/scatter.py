"""Writing values at places."""

from __future__ import annotations

import numpy as np

from ...errors import EmulatorError
from ..calls import Call
from ..graph import Tensor
from ..moves import masked_slice, reshape
from ..registry import lower
from ..scatters import scatter, scatter_along, scatter_nd


def _checked(call: Call, sizes: list[int]) -> Tensor:
    """The indices; from iOS 17 on a program may ask that a run fails unless they lie in ``[0, size)``."""
    indices = call.tensor("indices")
    if not bool(call.value("validate_indices", False)):
        return indices

    def check(values: np.ndarray) -> list[np.ndarray]:
        if (values < 0).any() or (values >= np.array(sizes)).any():
            raise EmulatorError(f"an index of {call.operation.op_type!r} is not in [0, {max(sizes)})")
        return [values]

    return call.graph.host(check, [indices], [(indices.dtype, indices.shape)])[0]


@lower("scatter")
def lower_scatter(call: Call) -> Tensor:
    """Slices along an axis."""
    data, updates = call.tensor("data"), call.tensor("updates")
    axis = int(call.value("axis"))
    indices = _checked(call, [data.sizes[axis]])
    return scatter(call.graph, data, indices, updates, axis, str(call.value("mode")))


@lower("scatter_along_axis")
def lower_scatter_along_axis(call: Call) -> Tensor:
    """Elements along an axis."""
    data, updates = call.tensor("data"), call.tensor("updates")
    axis = int(call.value("axis"))
    indices = _checked(call, [data.sizes[axis]])
    return scatter_along(call.graph, data, indices, updates, axis, str(call.value("mode")))


@lower("scatter_nd")
def lower_scatter_nd(call: Call) -> Tensor:
    """Slices at index vectors."""
    data, updates = call.tensor("data"), call.tensor("updates")
    indices = call.tensor("indices")
    indices = _checked(call, list(data.sizes[: indices.sizes[-1]]))
    return scatter_nd(call.graph, data, indices, updates, str(call.value("mode")))


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
