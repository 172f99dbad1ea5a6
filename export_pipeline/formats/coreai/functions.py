"""Parts of a program that occur more than once, each written once, as a private function. It runs in the worker.

Whoever compiles the program for a device puts the functions in their places again: they are not marked against it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

from export_pipeline.formats.coreai.tensor import Tensor

Part = Callable[..., Tensor]


class Functions:
    """The private functions of a program.

    Args:
        module: where they are written, after what is there.
        counts: how often each part occurs, as ``counts`` of a program that was built before says; a part without a
            count of two or more stays in its place.
    """

    def __init__(self, module: Any, counts: Counter[Hashable] | None = None) -> None:
        self.counts: Counter[Hashable] = Counter()
        self._module, self._known = module, counts or Counter()
        self._made: dict[Hashable, tuple[Any, bool]] = {}

    def called(self, kind: Hashable, part: Part, tensors: tuple[Tensor, ...]) -> Tensor:
        """What *part*, which uses *tensors* only and makes no kernel, gives for them.

        Args:
            kind: what tells it from other parts for tensors of these shapes and types.
            part: makes its operations where the program is being built.
            tensors: its operands.
        """
        key = (kind, *((str(tensor.value.type), tensor.first) for tensor in tensors))
        self.counts[key] += 1
        if self._known[key] < 2:
            return part(*tensors)
        if key not in self._made:
            self._made[key] = self._written(part, tensors)
        graph, first = self._made[key]
        return Tensor(graph(*(tensor.value for tensor in tensors))[0], first)

    def _written(self, part: Part, tensors: tuple[Tensor, ...]) -> tuple[Any, bool]:
        from coreai._compiler.ir import InsertionPoint
        from coreai.authoring.graph_builder import GraphOp

        types = [tensor.value.type for tensor in tensors]
        with InsertionPoint(self._module.body):
            graph = GraphOp(f"part{len(self._made)}", types, [], private=True)
        with graph.block:
            given = zip(graph.arguments, tensors, strict=True)
            made = part(*(Tensor(value, tensor.first) for value, tensor in given))
        graph.outputs_spec = [("", made.value)]
        return graph, made.first
