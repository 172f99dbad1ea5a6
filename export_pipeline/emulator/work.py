"""How many multiply-accumulates a model takes: those of its convolutions, matrix products and recurrent layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .features import features
from .graph import Graph, HostStep, Options
from .guard import DependsOnData
from .lower import lower_model
from .program import Source


@dataclass(frozen=True)
class Work:
    """Multiply-accumulates of one run as far as they are known, and why the rest is not."""

    counted: int
    uncounted: tuple[str, ...] = ()

    def __add__(self, other: Work) -> Work:
        return Work(self.counted + other.counted, tuple(dict.fromkeys((*self.uncounted, *other.uncounted))))


def work(source: Source, options: Options) -> Work:
    """Of one run with inputs of the default sizes. Raises UnsupportedOperationError for unknown operations."""
    if source.format == "pipeline":
        return sum((work(stage, options) for stage in source.stages), Work(0))
    if not source.lowered:
        return Work(0, (source.kind,))
    shapes = {feature.name: feature.closed_shape for feature in features(source)[0]}
    return work_of(lower_model(source, shapes, Graph(options)))


def work_of(graph: Graph) -> Work:
    """Of all nodes and NumPy steps of *graph*."""
    return sum((_step(graph, node) for node in graph.nodes), Work(0))


def _step(graph: Graph, node: Any) -> Work:
    if isinstance(node, HostStep):
        return Work(node.work) if isinstance(node.work, int) else Work(0, (node.work,))
    count = _COUNTS.get(node.op_type)
    if count is None:
        return Work(0)
    try:
        return Work(count(graph, node))
    except DependsOnData:
        return Work(0, (f"the sizes of {node.op_type} depend on data",))


def _sizes(graph: Graph, node: Any) -> list[tuple[int, ...]]:
    return [graph.tensors[name].sizes if name else () for name in (*node.input, node.output[0])]


def _convolution(graph: Graph, node: Any) -> int:
    """Each output meets one filter."""
    _, weight, *_, out = _sizes(graph, node)
    return math.prod(out) * math.prod(weight[1:])


def _transposed(graph: Graph, node: Any) -> int:
    """Each input meets one filter."""
    x, weight, *_ = _sizes(graph, node)
    return math.prod(x) * math.prod(weight[1:])


def _product(graph: Graph, node: Any) -> int:
    x, _, out = _sizes(graph, node)
    return math.prod(out) * x[-1]


def _einsum(graph: Graph, node: Any) -> int:
    """Every combination of the indices."""
    equation = str(node.attribute[0].s.decode()).replace(" ", "").replace("...", ".")
    indices: dict[str, int] = {}
    for term, sizes in zip(equation.partition("->")[0].split(","), _sizes(graph, node), strict=False):
        named = [letter for letter in term if letter != "."]
        lead, dots = term.partition(".")[0], len(sizes) - len(named)
        indices.update(zip(lead, sizes, strict=False))
        indices.update(zip(reversed(term[len(lead) + 1 :]), reversed(sizes), strict=False))
        indices["."] = max(indices.get(".", 1), math.prod(sizes[len(lead) : len(lead) + dots]))
    return math.prod(indices.values())


def _recurrent(graph: Graph, node: Any) -> int:
    """Every gate of every step multiplies the input and the state."""
    x, weight, recurrent, *_ = _sizes(graph, node)
    return x[0] * x[1] * (math.prod(weight) + math.prod(recurrent))


_COUNTS: dict[str, Callable[[Graph, Any], int]] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "MatMul": _product,
    "Einsum": _einsum,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
}
