"""Layers that look values up, write them at places, sort them, or make new ones."""

from __future__ import annotations

import math

import numpy as np

from ..graph import Tensor, ints
from ..lower_network import LayerCall
from ..moves import reshape
from ..registry import layer
from ..scatters import MODES, scatter, scatter_along, scatter_nd


def _whole(call: LayerCall, index: int) -> Tensor:
    """An input of whole numbers, which are floats here."""
    return call.graph.cast(call.inputs[index], np.int64)


@layer("gatherAlongAxis")
def gather_along_axis(call: LayerCall) -> Tensor:
    """``numpy.take_along_axis``"""
    return call.graph.node("GatherElements", call.x, _whole(call, 1), axis=int(call.params.axis))


@layer("gatherND")
def gather_nd(call: LayerCall) -> Tensor:
    """Slices at index vectors."""
    places = call.inputs[1].sizes
    made = call.graph.node("GatherND", call.x, _whole(call, 1))
    # ONNX does not tell the shape of a single value.
    return call.graph.shaped(made, [*places[:-1], *call.x.sizes[places[-1] :]])


@layer("scatter", "scatterAlongAxis", "scatterND")
def lower_scatter(call: LayerCall) -> Tensor:
    """Write slices along an axis, elements along an axis, or slices at index vectors."""
    data, indices, updates = call.inputs
    mode = MODES[call.params.mode]
    if call.kind == "scatterND":
        return scatter_nd(call.graph, data, indices, updates, mode)
    write = scatter if call.kind == "scatter" else scatter_along
    return write(call.graph, data, indices, updates, int(call.params.axis), mode)


@layer("topK")
def top_k(call: LayerCall) -> list[Tensor]:
    """The largest or smallest along an axis, and their positions."""
    k = call.ints(1)[0] if len(call.inputs) > 1 else int(call.params.K)
    axis = int(call.params.axis)
    count = ints([k if k >= 0 else call.x.sizes[axis]])
    made = call.graph.nodes_out("TopK", 2, call.x, count, axis=axis, largest=int(not call.params.useBottomK))
    return made[: len(call.proto.output)]


@layer("argSort")
def argsort(call: LayerCall) -> Tensor:
    """Positions in sorted order along an axis."""
    axis = int(call.params.axis)
    count = ints([call.x.sizes[axis]])
    return call.graph.nodes_out("TopK", 2, call.x, count, axis=axis, largest=int(call.params.descending))[1]


@layer("cumSum")
def cumsum(call: LayerCall) -> Tensor:
    """Running sum along an axis."""
    axis = call.ints(1)[0] if len(call.inputs) > 1 else int(call.params.axis)
    flags = {"exclusive": int(call.params.excludeFinalSum), "reverse": int(call.params.reverse)}
    return call.graph.node("CumSum", call.x, np.array(axis, np.int64), **flags)


@layer("oneHot")
def one_hot(call: LayerCall) -> Tensor:
    """One value at each index, another elsewhere."""
    p = call.params
    depth = call.ints(1)[0] if len(call.inputs) > 1 else int(p.oneHotVectorSize)
    values = np.array([p.offValue, p.onValue], np.float32)
    return call.graph.node("OneHot", _whole(call, 0), np.array(depth, np.int64), values, axis=int(p.axis))


@layer("matrixBandPart", "lowerTriangular", "upperTriangular")
def band_part(call: LayerCall) -> Tensor:
    """Zero outside a band around the diagonal."""
    p = call.params
    rows, columns = call.x.sizes[-2:]
    offset = np.arange(columns)[None, :] - np.arange(rows)[:, None]
    if call.kind == "lowerTriangular":
        inside = offset <= int(p.k)
    elif call.kind == "upperTriangular":
        inside = offset >= int(p.k)
    else:
        below, above = int(p.numLower), int(p.numUpper)
        inside = ((below < 0) | (-offset <= below)) & ((above < 0) | (offset <= above))
    return call.graph.node("Where", inside, call.x, call.graph.constant(0.0))


@layer("whereNonZero")
def where_non_zero(call: LayerCall) -> Tensor:
    """The index vectors of elements that are not zero."""
    return call.graph.node("Transpose", call.graph.node("NonZero", call.x), perm=[1, 0])


@layer("fillLike", "fillDynamic")
def fill(call: LayerCall) -> Tensor:
    """A shape full of one value: that of the input, or what the input says."""
    shape = call.graph.node("Shape", call.x) if call.kind == "fillLike" else call.graph.constant(ints(call.ints(0)))
    return call.graph.node("Expand", call.graph.constant(float(call.params.value)), shape)


@layer("broadcastToStatic", "broadcastToLike", "broadcastToDynamic")
def broadcast(call: LayerCall) -> Tensor:
    """Repeat along axes of size one up to a shape."""
    if call.kind == "broadcastToStatic":
        sizes = [int(size) for size in call.params.targetShape]
    else:
        sizes = list(call.inputs[1].sizes) if call.kind == "broadcastToLike" else call.ints(1)
    return call.graph.node("Expand", call.x, ints(sizes))


@layer("rangeStatic", "rangeDynamic")
def lower_range(call: LayerCall) -> Tensor:
    """``numpy.arange``; an input is the end, the start or the step."""
    p, given = call.params, [float(call.value(i).reshape(-1)[0]) for i in range(len(call.inputs))]
    if call.kind == "rangeStatic":
        end, start, step = float(p.endValue), float(p.startValue), float(p.stepSizeValue)
    else:
        end, start, step = (given + [float(p.startValue), float(p.stepSizeValue)][len(given) - 1 :])[:3]
    call.graph.options.room([max(math.ceil((end - start) / (step or 1.0)), 0)])
    return call.graph.constant(np.arange(start, end, step or 1.0).astype(np.float32))


@layer("embedding", "embeddingND")
def embedding(call: LayerCall) -> Tensor:
    """Rows of a table by number."""
    p, older = call.params, call.kind == "embedding"
    rows, size = (int(p.inputDim), int(p.outputChannels)) if older else (int(p.vocabSize), int(p.embeddingSize))
    table = call.weights("weights", [size, rows]).T
    if p.hasBias:
        table = table + call.weights("bias", [size])
    x = call.x
    lead = list(x.sizes[: x.rank - (3 if older and x.rank > 3 else 1)])
    found = call.graph.node("Gather", np.ascontiguousarray(table), reshape(call.graph, _whole(call, 0), lead), axis=0)
    return reshape(call.graph, found, [*lead, size, 1, 1] if older and x.rank > 3 else [*lead, size])


@layer("dot")
def dot(call: LayerCall) -> Tensor:
    """The product of two vectors, or the cosine between them, over the channels."""
    graph, (a, b) = call.graph, call.inputs
    axes = ints([-3 if a.rank >= 3 else -1])
    total = graph.node("ReduceSum", graph.node("Mul", a, b), axes, keepdims=1)
    if not call.params.cosineSimilarity:
        return total
    lengths = [graph.node("ReduceL2", side, axes, keepdims=1) for side in (a, b)]
    return graph.node("Div", total, graph.node("Mul", *lengths))
