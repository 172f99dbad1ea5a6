"""Rearrangements that both model formats share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .graph import Graph, Tensor, ints


def reshape(graph: Graph, x: Tensor, shape: Sequence[int]) -> Tensor:
    """*x* in another shape; -1 is worked out and 0 keeps a size."""
    if x.shape == tuple(shape):
        return x
    return graph.node("Reshape", x, ints(list(shape)))


def pad_last(
    graph: Graph, x: Tensor, amounts: np.ndarray, fill: Tensor | None = None, mode: str = "constant"
) -> Tensor:
    """*x* with *amounts*, a row of two for each of the last axes, added before and after them.

    Every axis is named, although ONNX lets some be: ONNX Runtime moves transposes through a padding of some axes and
    leaves their numbers as they were, and a convolution behind takes over only a padding of all.
    """
    every = np.concatenate([np.zeros((x.rank - len(amounts), 2), np.int64), amounts])
    return graph.node("Pad", x, ints(every.T), fill, mode=mode)


def interleave(graph: Graph, values: Sequence[Tensor], axis: int) -> Tensor:
    """Join equal shapes along *axis*, taking one element of each in turn."""
    axis %= values[0].rank
    apart = [graph.node("Unsqueeze", value, ints([axis + 1])) for value in values]
    shape = list(values[0].sizes)
    shape[axis] *= len(values)
    return reshape(graph, graph.node("Concat", *apart, axis=axis + 1), shape)


def blocks_to_depth(graph: Graph, x: Tensor, size: int) -> Tensor:
    """``[N, C, H, W]`` to ``[N, C size², H/size, W/size]``, the position in a block being the faster part."""
    n, c, h, w = x.sizes
    parts = reshape(graph, x, [n, c, h // size, size, w // size, size])
    moved = graph.node("Transpose", parts, perm=[0, 1, 3, 5, 2, 4])
    return reshape(graph, moved, [n, c * size * size, h // size, w // size])


def depth_to_blocks(graph: Graph, x: Tensor, height: int, width: int) -> Tensor:
    """``[height width N, C, H, W]`` to ``[N, C, H height, W width]``: the batch holds the positions in a block."""
    n, c, h, w = x.sizes
    batch = n // (height * width)
    parts = reshape(graph, x, [height, width, batch, c, h, w])
    moved = graph.node("Transpose", parts, perm=[2, 3, 4, 0, 5, 1])
    return reshape(graph, moved, [batch, c, h * height, w * width])


def masked_slice(
    graph: Graph,
    x: Tensor,
    begin: Tensor,
    end: Tensor,
    stride: np.ndarray,
    from_start: np.ndarray,
    to_end: np.ndarray,
    squeeze: np.ndarray,
) -> Tensor:
    """``x[begin:end:stride]``, one number per axis. The masks ignore begin, ignore end, and index instead of slice."""
    stride = np.where(squeeze, 1, stride)
    far = np.iinfo(np.int32).max
    begin = graph.node("Where", from_start & ~squeeze, np.where(stride > 0, 0, far), begin)
    end = graph.node("Where", to_end & ~squeeze, np.where(stride > 0, far, -far), end)
    if squeeze.any():
        # Indexing element -1 must end at the very end, where -1 + 1 would mean the start.
        after = graph.node("Add", begin, np.array(1, np.int64))
        after = graph.node("Where", graph.node("Equal", after, np.array(0, np.int64)), np.array(far, np.int64), after)
        end = graph.node("Where", squeeze, after, end)
    result = graph.node("Slice", x, begin, end, ints(range(x.rank)), ints(stride))
    return graph.node("Squeeze", result, ints(np.flatnonzero(squeeze))) if squeeze.any() else result
