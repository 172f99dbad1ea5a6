"""Operations that move values or change shapes. All are exact."""

from __future__ import annotations

import numpy as np

from ..calls import Call
from ..graph import Tensor, ints
from ..moves import blocks_to_depth, depth_to_blocks, interleave, masked_slice, pad_last, reshape
from ..registry import lower


@lower("reshape", exact=True)
def lower_reshape(call: Call) -> Tensor:
    """A new shape; ``-1`` is worked out and ``0`` keeps a size."""
    x, shape = call.tensor("x"), call.known("shape")
    if shape is None:
        return call.graph.node("Reshape", x, call.graph.cast(call.tensor("shape"), np.int64))
    sizes = [int(size) for size in shape]
    if len(sizes) != x.rank and 0 in sizes:
        sizes = list(call.out_shape)
    return reshape(call.graph, x, sizes)


@lower("reshape_like", exact=True)
def reshape_like(call: Call) -> Tensor:
    """Ranges of axes of ``x`` replaced by ranges of axes of other tensors."""
    return reshape(call.graph, call.tensor("x"), list(call.out_shape))


@lower("flatten2d", exact=True)
def flatten2d(call: Call) -> Tensor:
    """Two axes: what lies before ``axis``, and the rest."""
    x = call.tensor("x")
    axis = int(call.value("axis"))
    return call.graph.node("Flatten", x, axis=axis % x.rank if axis < 0 else axis)


@lower("squeeze", exact=True)
def squeeze(call: Call) -> Tensor:
    """Without axes of size 1."""
    axes = call.value("axes")
    return call.graph.node("Squeeze", call.tensor("x"), *([] if axes is None else [ints(axes)]))


@lower("expand_dims", exact=True)
def expand_dims(call: Call) -> Tensor:
    """With new axes of size 1."""
    return call.graph.node("Unsqueeze", call.tensor("x"), ints(call.value("axes")))


@lower("transpose", exact=True)
def transpose(call: Call) -> Tensor:
    """Axes in another order."""
    x = call.tensor("x")
    return call.graph.node("Transpose", x, perm=[int(axis) % x.rank for axis in call.value("perm")])


@lower("concat", exact=True)
def concat(call: Call) -> Tensor:
    """Join along an axis, one after another or interleaved."""
    values, axis = call.tensors("values"), int(call.value("axis"))
    if bool(call.value("interleave", False)):
        return interleave(call.graph, values, axis)
    # Scalars, such as sizes that depend on data, are joined as vectors of one element.
    vectors = [call.graph.node("Unsqueeze", value, ints([0])) if value.shape == () else value for value in values]
    return call.graph.node("Concat", *vectors, axis=axis)


@lower("stack", exact=True)
def stack(call: Call) -> Tensor:
    """Join along a new axis."""
    values, graph = call.tensors("values"), call.graph
    axis = int(call.value("axis"))
    return graph.node("Concat", *(graph.node("Unsqueeze", value, ints([axis])) for value in values), axis=axis)


@lower("split", exact=True)
def split(call: Call) -> list[Tensor]:
    """Cut along an axis."""
    axis = int(call.value("axis"))
    sizes = ints([output.shape[axis] for output in call.operation.outputs])
    return call.graph.nodes_out("Split", len(sizes), call.tensor("x"), sizes, axis=axis)


@lower("pad", exact=True)
def pad(call: Call) -> Tensor:
    """Pad the last axes: ``constant``, ``reflect`` or ``replicate``."""
    x = call.tensor("x")
    amounts = np.asarray(call.value("pad")).reshape(-1, 2)
    mode = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}[str(call.value("mode"))]
    fill = call.graph.constant(call.value("constant_val"), x.dtype) if mode == "constant" else None
    return pad_last(call.graph, x, amounts, fill, mode)


@lower("tile", exact=True)
def tile(call: Call) -> Tensor:
    """Repeat along every axis."""
    return call.graph.node("Tile", call.tensor("x"), call.graph.cast(call.tensor("reps"), np.int64))


@lower("reverse", exact=True)
def reverse(call: Call) -> Tensor:
    """Turn axes around."""
    x = call.tensor("x")
    axes = call.axes("axes", x.rank)
    ends = np.full(len(axes), np.iinfo(np.int64).min)
    return call.graph.node("Slice", x, ints([-1] * len(axes)), ints(ends), ints(axes), ints([-1] * len(axes)))


@lower("reverse_sequence", exact=True)
def reverse_sequence(call: Call) -> Tensor:
    """Turn the first elements of each sequence around."""
    lengths = call.graph.cast(call.tensor("lengths"), np.int64)
    axes = {"time_axis": int(call.value("seq_axis")), "batch_axis": int(call.value("batch_axis"))}
    return call.graph.node("ReverseSequence", call.tensor("x"), lengths, **axes)


@lower("slice_by_index", exact=True)
def slice_by_index(call: Call) -> Tensor:
    """``x[begin:end:stride]`` with masks; an axis in ``squeeze_mask`` is indexed and dropped."""
    x = call.tensor("x")
    stride = np.asarray(call.value("stride", np.ones(x.rank)), np.int64)
    masks = [np.asarray(call.value(f"{n}_mask", np.zeros(x.rank)), bool) for n in ("begin", "end", "squeeze")]
    begin, end = (call.graph.cast(call.tensor(name), np.int64) for name in ("begin", "end"))
    return masked_slice(call.graph, x, begin, end, stride, *masks)


@lower("slice_by_size", exact=True)
def slice_by_size(call: Call) -> Tensor:
    """``size`` elements from ``begin`` on; a size of -1 means all that is left."""
    x, graph = call.tensor("x"), call.graph
    begin, size = (graph.cast(call.tensor(name), np.int64) for name in ("begin", "size"))
    zero, sizes = np.array(0, np.int64), graph.node("Shape", x)
    begin = graph.node("Where", graph.node("Less", begin, zero), graph.node("Add", begin, sizes), begin)
    end = graph.node("Where", graph.node("Less", size, zero), sizes, graph.node("Add", begin, size))
    return graph.node("Slice", x, begin, end, ints(range(x.rank)))


@lower("depth_to_space", exact=True)
def depth_to_space(call: Call) -> Tensor:
    """Depth into blocks, the block position being the slower part of the depth (as TensorFlow)."""
    return call.graph.node("DepthToSpace", call.tensor("x"), blocksize=int(call.value("block_size")), mode="DCR")


@lower("pixel_shuffle", exact=True)
def pixel_shuffle(call: Call) -> Tensor:
    """Depth into blocks, the block position being the faster part of the depth (as PyTorch)."""
    return call.graph.node("DepthToSpace", call.tensor("x"), blocksize=int(call.value("upscale_factor")), mode="CRD")


@lower("space_to_depth", exact=True)
def space_to_depth(call: Call) -> Tensor:
    """Undo ``depth_to_space``."""
    return call.graph.node("SpaceToDepth", call.tensor("x"), blocksize=int(call.value("block_size")))


@lower("pixel_unshuffle", exact=True)
def pixel_unshuffle(call: Call) -> Tensor:
    """Undo ``pixel_shuffle``."""
    return blocks_to_depth(call.graph, call.tensor("x"), int(call.value("downscale_factor")))


@lower("space_to_batch", exact=True)
def space_to_batch(call: Call) -> Tensor:
    """Pad, then move the position inside each block to the front of the batch."""
    x, graph = call.tensor("x"), call.graph
    amounts = np.asarray(call.value("paddings"))
    x = pad_last(graph, x, amounts)
    (n, c, h, w), (bh, bw) = x.sizes, (int(b) for b in call.value("block_shape"))
    parts = reshape(graph, x, [n, c, h // bh, bh, w // bw, bw])
    moved = graph.node("Transpose", parts, perm=[3, 5, 0, 1, 2, 4])
    return reshape(graph, moved, [n * bh * bw, c, h // bh, w // bw])


@lower("batch_to_space", exact=True)
def batch_to_space(call: Call) -> Tensor:
    """Undo ``space_to_batch``, then crop."""
    x, (bh, bw) = call.tensor("x"), (int(b) for b in call.value("block_shape"))
    (h, w), (top, bottom), (left, right) = x.sizes[2:], *np.asarray(call.value("crops"))
    spread = depth_to_blocks(call.graph, x, bh, bw)
    ends = ints([h * bh - bottom, w * bw - right])
    return call.graph.node("Slice", spread, ints([top, left]), ends, ints([2, 3]))


@lower("sliding_windows", exact=True)
def sliding_windows(call: Call) -> Tensor:
    """Every window along an axis, as a new axis after it."""
    x, size, stride = call.tensor("x"), int(call.value("size")), int(call.value("stride"))
    axis = int(call.value("axis")) % x.rank
    count = (x.sizes[axis] - size) // stride + 1
    positions = np.arange(count, dtype=np.int64)[:, None] * stride + np.arange(size)
    return call.graph.node("Gather", x, positions, axis=axis)
