"""Layers that turn axes around, cut windows, or take their shape from an input."""

from __future__ import annotations

import numpy as np

from ..graph import Tensor, ints
from ..lower_network import LayerCall
from ..moves import reshape
from ..registry import layer


@layer("reverse")
def reverse(call: LayerCall) -> Tensor:
    """Turn axes around."""
    axes = [i for i, turned in enumerate(call.params.reverseDim) if turned]
    if not axes:
        return call.x
    ends = np.full(len(axes), np.iinfo(np.int64).min)
    return call.graph.node("Slice", call.x, ints([-1] * len(axes)), ints(ends), ints(axes), ints([-1] * len(axes)))


@layer("reverseSeq")
def reverse_sequence(call: LayerCall) -> Tensor:
    """Turn the first elements of each sequence around."""
    axes = [int(axis) % call.x.rank for axis in (call.params.sequenceAxis, call.params.batchAxis)]
    # ONNX takes the first two axes only.
    order = [*axes, *(i for i in range(call.x.rank) if i not in axes)]
    moved = call.graph.node("Transpose", call.x, perm=order)
    lengths = reshape(call.graph, call.graph.cast(call.inputs[1], np.int64), [-1])
    turned = call.graph.node("ReverseSequence", moved, lengths, time_axis=0, batch_axis=1)
    return call.graph.node("Transpose", turned, perm=[int(i) for i in np.argsort(order)])


@layer("slidingWindows")
def sliding_windows(call: LayerCall) -> Tensor:
    """Every window along an axis, as a new axis after it."""
    p, axis = call.params, int(call.params.axis) % call.x.rank
    size, step = int(p.windowSize), int(p.step)
    count = (call.x.sizes[axis] - size) // step + 1
    call.graph.options.room([count, size], 8)
    positions = np.arange(count, dtype=np.int64)[:, None] * step + np.arange(size)
    return call.graph.node("Gather", call.x, positions, axis=axis)


@layer("sliceBySize")
def slice_by_size(call: LayerCall) -> Tensor:
    """A section of an axis whose start is an input."""
    axis, size = int(call.params.axis), int(call.params.size)
    start = call.ints(1)[0]
    start += call.x.sizes[axis] if start < 0 else 0
    return call.graph.node("Slice", call.x, ints([start]), ints([start + size]), ints([axis]))


@layer("reshapeLike", "reshapeDynamic")
def reshape_to(call: LayerCall) -> Tensor:
    """The shape of another input, or the shape that it says."""
    sizes = list(call.inputs[1].sizes) if call.kind == "reshapeLike" else call.ints(1)
    return reshape(call.graph, call.x, sizes)


@layer("flattenTo2D")
def flatten_to_2d(call: LayerCall) -> Tensor:
    """Two axes: what lies before ``axis``, and the rest."""
    axis = int(call.params.axis)
    return call.graph.node("Flatten", call.x, axis=axis % call.x.rank if axis < 0 else axis)


@layer("sequenceRepeat")
def sequence_repeat(call: LayerCall) -> Tensor:
    """The sequence again and again."""
    reps = [1] * call.x.rank
    reps[-5] = max(int(call.params.nRepetitions), 1)
    return call.graph.node("Tile", call.x, ints(reps))
