"""Layers that move values, change shapes or sizes, and constants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..graph import Tensor, ints
from ..lower_network import LayerCall
from ..moves import interleave, masked_slice, pad_last, reshape
from ..registry import layer
from ..sampling import linear_2d, nearest_2d
from .convolution import as_images, like_input

SAMPLING = ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "DEFAULT", "OFFSET_CORNERS")
_UPSAMPLING = ("DEFAULT", "STRICT_ALIGN_CORNERS", "UNALIGN_CORNERS")


@layer("upsample")
def upsample(call: LayerCall) -> Tensor:
    """Enlarge the last two axes by factors."""
    p = call.params
    factors = [float(f) for f in p.fractionalScalingFactor] or [float(f) for f in call.pair("scalingFactor", 1)]
    height, width = (int(np.floor(n * f + 1e-6)) for n, f in zip(call.x.sizes[-2:], factors, strict=True))
    if p.mode == 1:
        return linear_2d(call.graph, call.x, height, width, _UPSAMPLING[p.linearUpsampleMode])
    return like_input(call, nearest_2d(call.graph, as_images(call, call.x), height, width, centred=False))


@layer("resizeBilinear")
def resize_bilinear(call: LayerCall) -> Tensor:
    """Bilinear to a size."""
    height, width = call.pair("targetSize", 1)
    return linear_2d(call.graph, call.x, height, width, SAMPLING[call.params.mode.samplingMethod])


@layer("padding")
def padding(call: LayerCall) -> Tensor:
    """Pad the last two axes."""
    p = call.params
    edges = [(int(e.startEdgeSize), int(e.endEdgeSize)) for e in p.paddingAmounts.borderAmounts]
    kind = p.WhichOneof("PaddingType") or "constant"
    mode = {"constant": "constant", "reflection": "reflect", "replication": "edge"}[kind]
    fill = call.graph.constant(float(p.constant.value)) if mode == "constant" else None
    return pad_last(call.graph, call.x, np.array(edges), fill, mode)


@layer("constantPad")
def constant_pad(call: LayerCall) -> Tensor:
    """Pad any axes with a number, by amounts or up to a size. Both may be an input."""
    p = call.params
    given = call.ints(1) if len(call.inputs) > 1 else list(p.padAmounts)
    amounts = np.array(given, np.int64).reshape(-1, 2)
    if p.padToGivenOutputSizeMode:
        # Of each pair one is the wanted size, and its place tells the side.
        present = np.array(call.x.sizes[call.x.rank - len(amounts) :])[:, None]
        amounts = np.where(amounts > 0, np.maximum(amounts - present, 0), 0)
    return pad_last(call.graph, call.x, amounts, call.graph.constant(float(p.value)))


@layer("crop")
def crop(call: LayerCall) -> Tensor:
    """Cut the last two axes, by amounts or to the size of a second input."""
    rows, columns = call.x.sizes[-2:]
    if len(call.inputs) > 1:
        top, left = call.pair("offset", 0)
        height, width = call.inputs[1].sizes[-2:]
        ends = [top + height, left + width]
    else:
        edges = call.params.cropAmounts.borderAmounts
        top, left = int(edges[0].startEdgeSize), int(edges[1].startEdgeSize)
        ends = [rows - int(edges[0].endEdgeSize), columns - int(edges[1].endEdgeSize)]
    return call.graph.node("Slice", call.x, ints([top, left]), ints(ends), ints([-2, -1]))


@layer("concat", "concatND")
def concat(call: LayerCall) -> Tensor:
    """Join along an axis: channels, the sequence, or any."""
    if call.kind == "concatND":
        axis = int(call.params.axis)
        if call.params.interleave:
            return interleave(call.graph, call.inputs, axis)
    else:
        axis = -5 if call.params.sequenceConcat else -3
    return call.graph.node("Concat", *call.inputs, axis=axis)


@layer("stack")
def stack(call: LayerCall) -> Tensor:
    """Join along a new axis."""
    axis = ints([call.params.axis])
    apart = [call.graph.node("Unsqueeze", x, axis) for x in call.inputs]
    return call.graph.node("Concat", *apart, axis=int(call.params.axis))


@layer("split", "splitND")
def split(call: LayerCall) -> list[Tensor]:
    """Cut along an axis."""
    axis = int(call.params.axis) if call.kind == "splitND" else -3
    count = len(call.proto.output)
    sizes = list(call.params.splitSizes) if call.kind == "splitND" else []
    # As even as it goes, the larger parts first.
    each, more = divmod(call.x.sizes[axis], count)
    sizes = sizes or [each + 1] * more + [each] * (count - more)
    return call.graph.nodes_out("Split", count, call.x, ints(sizes), axis=axis)


@layer("slice")
def slice_axis(call: LayerCall) -> Tensor:
    """A section of channels, rows or columns."""
    p, axis = call.params, int(call.params.axis) - 3
    return call.graph.node("Slice", call.x, ints([p.startIndex]), ints([p.endIndex]), ints([axis]), ints([p.stride]))


@layer("sliceStatic", "sliceDynamic")
def lower_slice(call: LayerCall) -> Tensor:
    """``x[begin:end:stride]`` with masks. Inputs of the dynamic layer take the place of its fields, in that order."""
    p, graph, rank = call.params, call.graph, call.x.rank
    extra = [graph.cast(tensor, np.int64) for tensor in call.inputs[1:3]]
    begin = extra[0] if extra else graph.constant(ints(p.beginIds)[:rank])
    end = extra[1] if len(extra) > 1 else graph.constant(ints(p.endIds)[:rank])

    def numbers(index: int, field: Sequence[int], default: int) -> list[int]:
        # The converter writes five numbers for any rank.
        return call.ints(index) if len(call.inputs) > index else [int(n) for n in field][:rank] or [default] * rank

    strides = numbers(3, p.strides, 1)
    masks = [numbers(i, field, 0) for i, field in enumerate((p.beginMasks, p.endMasks, p.squeezeMasks), 4)]
    return masked_slice(graph, call.x, begin, end, ints(strides), *(np.array(mask, bool) for mask in masks))


@layer("transpose")
def transpose(call: LayerCall) -> Tensor:
    """Axes in another order. Of fewer axes than there are, the first ones stay: an image has a batch before its own."""
    axes = list(call.params.axes)
    first = max(call.x.rank - len(axes), 0)
    perm = [*range(first), *(first + int(axis) % (call.x.rank - first) for axis in axes)]
    return call.graph.node("Transpose", call.x, perm=perm)


@layer("permute")
def permute(call: LayerCall) -> Tensor:
    """Another order of ``[sequence, channel, height, width]``; the batch stays."""
    where = [0, 2, 3, 4] if call.x.rank == 5 else [None, 1, 2, 3]
    order = [where[int(axis)] for axis in call.params.axis]
    kept = 1 if call.x.rank == 5 else 0
    if call.x.rank == 4 and order[0] is not None:
        raise call.unsupported("moving the sequence axis of a tensor without one")
    perm = [axis for axis in order if axis is not None]
    perm.insert(kept, kept)
    return call.graph.node("Transpose", call.x, perm=perm)


@layer("flatten")
def flatten(call: LayerCall) -> Tensor:
    """``[..., C, H, W]`` to ``[..., C H W, 1, 1]``."""
    x = _channel_last(call, call.x) if call.params.mode == 1 else call.x
    return reshape(call.graph, x, [*call.x.sizes[:-3], -1, 1, 1])


def _channel_last(call: LayerCall, x: Tensor) -> Tensor:
    lead = list(range(x.rank - 3))
    return call.graph.node("Transpose", x, perm=[*lead, x.rank - 2, x.rank - 1, x.rank - 3])


@layer("reshape")
def lower_reshape(call: LayerCall) -> Tensor:
    """The older reshape, to ``[C, H, W]`` or ``[sequence, C, H, W]``, either with channels first or last."""
    target, lead = [int(size) for size in call.params.targetShape], list(call.x.sizes[:-3])
    if len(target) == 4:
        lead = [target[0], 1] if call.x.rank == 5 else [target[0]]
    channels, height, width = target[-3:]
    if call.params.mode == 0:
        return reshape(call.graph, call.x, [*lead, channels, height, width])
    y = reshape(call.graph, _channel_last(call, call.x), [*lead, height, width, channels])
    rank = y.rank
    return call.graph.node("Transpose", y, perm=[*range(rank - 3), rank - 1, rank - 3, rank - 2])


@layer("reshapeStatic", "rankPreservingReshape")
def reshape_static(call: LayerCall) -> Tensor:
    """A new shape; -1 is worked out and 0 keeps a size."""
    return reshape(call.graph, call.x, [int(size) for size in call.params.targetShape])


@layer("squeeze")
def squeeze(call: LayerCall) -> Tensor:
    """Drop axes of size one."""
    axes = [i for i, n in enumerate(call.x.sizes) if n == 1] if call.params.squeezeAll else list(call.params.axes)
    return call.graph.node("Squeeze", call.x, ints(axes))


@layer("expandDims")
def expand_dims(call: LayerCall) -> Tensor:
    """Insert axes of size one."""
    return call.graph.node("Unsqueeze", call.x, ints(list(call.params.axes)))


@layer("tile")
def tile(call: LayerCall) -> Tensor:
    """Repeat along every axis."""
    reps = call.ints(1) if len(call.inputs) > 1 else list(call.params.reps)
    return call.graph.node("Tile", call.x, ints([1] * (call.x.rank - len(reps)) + reps))


@layer("reorganizeData")
def reorganize_data(call: LayerCall) -> Tensor:
    """Blocks of the last two axes into depth, or back."""
    x, size = as_images(call, call.x), int(call.params.blockSize)
    if call.params.mode == 0:
        return like_input(call, call.graph.node("SpaceToDepth", x, blocksize=size))
    mode = "DCR" if call.params.mode == 1 else "CRD"
    return like_input(call, call.graph.node("DepthToSpace", x, blocksize=size, mode=mode))


@layer("loadConstant", "loadConstantND")
def load_constant(call: LayerCall) -> Tensor:
    """A stored constant."""
    shape = [int(size) for size in call.params.shape]
    values = call.weights("data", shape)
    return call.graph.constant(values if call.kind == "loadConstantND" else values[None, None])


@layer("gather")
def gather(call: LayerCall) -> Tensor:
    """``x[indices]`` along an axis."""
    x, indices = call.inputs
    return call.graph.node("Gather", x, call.graph.cast(indices, np.int64), axis=int(call.params.axis))


@layer("fillStatic")
def fill_static(call: LayerCall) -> Tensor:
    """A shape full of one value."""
    sizes = ints([int(n) for n in call.params.targetShape])
    return call.graph.node("Expand", call.graph.constant(float(call.params.value)), sizes)


@layer("getShape")
def get_shape(call: LayerCall) -> Tensor:
    """The sizes of the input."""
    return call.graph.node("Shape", call.x)
