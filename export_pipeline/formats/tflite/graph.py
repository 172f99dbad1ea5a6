"""The first graph of a TFLite file as operations with their tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from export_pipeline.formats.tflite.contents import kind_of, load

UNPACKS = ("DEQUANTIZE", "DENSIFY")


@dataclass(frozen=True)
class Node:
    """One operation of a graph.

    ``taken`` and ``given`` are numbers of tensors. ``constants`` are those of ``taken`` that the file holds, or that it
    unpacks from what it holds, as the weights of half-precision files are: to a delegate these are constants, too.
    ``shapes`` and ``types`` are by number. ``options`` are the schema's object, or ``None``; ``activation`` is the
    fused one.
    """

    kind: str
    taken: tuple[int, ...]
    given: tuple[int, ...]
    constants: frozenset[int]
    shapes: Mapping[int, tuple[int, ...]]
    types: Mapping[int, str]
    options: Any
    activation: str

    @property
    def computed(self) -> int:
        """How many of its inputs are computed."""
        return sum(index not in self.constants for index in self.taken)

    def option(self, name: str, default: Any = 0) -> Any:
        """One of its options."""
        return getattr(self.options, name, default)


def opened(path: Path) -> tuple[Any, Any, list[Node]]:
    """The schema's object of a file that LiteRT opens, its first graph, and the operations of that in their order."""
    model, names, types = load(path)
    graph = model.subgraphs[0]
    unpacked: set[int] = set()
    nodes = []
    for op in graph.operators:
        node = _node(model, graph, op, names, types)
        node = replace(node, constants=node.constants | (unpacked & set(node.taken)))
        if node.kind in UNPACKS and not node.computed:
            unpacked.update(node.given)
        nodes.append(node)
    return model, graph, nodes


def _node(model: Any, graph: Any, op: Any, names: dict[int, str], types: dict[int, str]) -> Node:
    # What reads a variable may take nothing, and what writes one gives nothing.
    taken = tuple(int(index) for index in (() if op.inputs is None else op.inputs) if index >= 0)
    given = tuple(int(index) for index in (() if op.outputs is None else op.outputs))
    tensors = {index: graph.tensors[index] for index in (*taken, *given)}
    buffers = {index: model.buffers[graph.tensors[index].buffer].data for index in taken}
    return Node(
        kind=kind_of(model.operatorCodes[op.opcodeIndex], names),
        taken=taken,
        given=given,
        constants=frozenset(index for index, data in buffers.items() if data is not None and len(data)),
        shapes={index: shape_of(tensor) for index, tensor in tensors.items()},
        types={index: types[t.type] for index, t in tensors.items()},
        options=op.builtinOptions,
        activation=_activation(op.builtinOptions),
    )


def shape_of(tensor: Any) -> tuple[int, ...]:
    """The shape of the schema's object of a tensor; that of the first size in a file of several."""
    return tuple(map(int, () if tensor.shape is None else tensor.shape))


def _activation(options: Any) -> str:
    from ai_edge_litert import schema_py_generated as schema

    value = getattr(options, "fusedActivationFunction", 0)
    return next(str(name) for name, number in vars(schema.ActivationFunctionType).items() if number == value)
