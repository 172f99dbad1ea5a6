"""Operations that are lowered together, and later if their shapes depend on data.

Most models are lowered whole before they run. Where a shape or an argument depends on data, everything from that
operation on becomes one NumPy step, which lowers the rest when it is reached: then the shapes are known. It keeps
what it has lowered for shapes that come again. Branches and bodies of loops are run the same way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import EmulatorError
from .graph import Graph, Tensor
from .guard import DependsOnData
from .plan import Plan

Env = dict[Any, Tensor]
_KEPT_PLANS = 32
_DEEPEST = 64


class Block(ABC):
    """A sequence of operations and the keys of the values that it ``gives``."""

    def __init__(self, items: Sequence[Any], gives: Sequence[Hashable], depth: int = 0) -> None:
        self.items, self.gives, self.depth = list(items), list(gives), depth
        if depth > _DEEPEST:
            raise EmulatorError(f"the model nests blocks more than {_DEEPEST} deep")

    @abstractmethod
    def lower_item(self, item: Any, graph: Graph, env: Env) -> None:
        """Lower one operation: read from *env*, write its results there. May raise DependsOnData."""

    @abstractmethod
    def uses(self, item: Any) -> Iterable[Hashable]:
        """The keys that one operation reads, nested blocks included."""

    @abstractmethod
    def carrier_of(self, key: Any) -> np.dtype[Any]:
        """The type that holds the value of *key* in a graph."""

    @abstractmethod
    def rest(self, items: Sequence[Any]) -> Block:
        """A block like this one with only *items*."""

    def result(self, key: Any, graph: Graph, env: Env) -> Tensor:
        """One of the values that the block gives."""
        return env[key]

    def lower(self, graph: Graph, env: Env) -> None:
        """Lower all into *graph*."""
        for position, item in enumerate(self.items):
            try:
                self.lower_item(item, graph, env)
            except DependsOnData as cause:
                routine = Routine(self.rest(self.items[position:]), graph, env, pinned=cause.key)
                if position == 0 and not routine.learns(env):
                    raise EmulatorError(f"{graph.options.label} cannot be lowered: {cause}") from None
                results = routine.add_to(graph, env)
                env.update(zip(self.gives, results, strict=True))
                return

    def captures(self, env: Env) -> list[Any]:
        """The keys of *env* that the block reads or passes on."""
        read = [key for item in self.items for key in self.uses(item)] + self.gives
        return [key for key in dict.fromkeys(read) if key in env]


class Routine:
    """A block as a function of arrays, lowered for their shapes when it is called.

    *arguments* come first, then what the block captures from *env*. What is constant there is constant inside, and so
    is the value of *pinned* in each call.
    """

    def __init__(self, block: Block, graph: Graph, env: Env, arguments: Sequence[Any] = (), pinned: Any = None) -> None:
        found = [key for key in block.captures(env) if key not in set(arguments)]
        self._constants = {key: env[key] for key in found if graph.value_of(env[key]) is not None}
        self._outside = graph
        self.captured = [key for key in found if key not in self._constants]
        self._block = block
        self._keys = [*arguments, *self.captured]
        # Names are equal, variables are the same.
        same = (i for i, key in enumerate(self._keys) if key is pinned or (isinstance(key, str) and key == pinned))
        self._pinned = next(same, None) if pinned is not None else None
        self._plans: dict[Any, Plan] = {}

    def learns(self, env: Env) -> bool:
        """Whether running what comes before makes anything known."""
        tensors = [env[key] for key in self._keys]
        return self._pinned is not None or any(tensor.shape is None or None in tensor.shape for tensor in tensors)

    def add_to(self, graph: Graph, env: Env) -> list[Tensor]:
        """Append the routine as a step of *graph*."""
        outputs = [(self._block.carrier_of(key), None) for key in self._block.gives]
        return graph.host(
            self,
            [env[key] for key in self._keys],
            outputs,
            "what comes after a shape or an argument that depends on data",
        )

    def __call__(self, *arrays: Any) -> list[Any]:
        """What the block gives for the values of its arguments and captures."""
        pinned = b"" if self._pinned is None else np.asarray(arrays[self._pinned]).tobytes()
        key = (tuple(np.shape(array) for array in arrays), pinned)
        if key not in self._plans:
            if len(self._plans) >= _KEPT_PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = self._prepare(arrays)
        named = {f"in{index}": array for index, array in enumerate(arrays) if index != self._pinned}
        found = self._plans[key].run(named)
        return [found[f"out{index}"] for index in range(len(self._block.gives))]

    def _prepare(self, arrays: Sequence[Any]) -> Plan:
        graph = self._outside.fresh()
        env = {
            key: graph.constant(self._outside.value_of(tensor), tensor.dtype) for key, tensor in self._constants.items()
        }
        for index, (key, array) in enumerate(zip(self._keys, arrays, strict=True)):
            if index == self._pinned:
                env[key] = graph.constant(array, array.dtype)
            else:
                env[key] = graph.input(f"in{index}", array.dtype, array.shape)
        self._block.lower(graph, env)
        for index, key in enumerate(self._block.gives):
            graph.output(f"out{index}", self._block.result(key, graph, env))
        return Plan(graph)
