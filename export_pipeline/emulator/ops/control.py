"""Branches, loops and lists. They run between the ONNX parts of a model, and their blocks as models of their own.

A list is carried as one array with a leading axis over its elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import EmulatorError
from ..calls import Call, declared_dtype
from ..graph import Tensor, carrier
from ..registry import lower


def _outputs(call: Call) -> list[tuple[Any, Any]]:
    return [(carrier(declared_dtype(var)), None) for var in call.operation.outputs]


@lower("cond", exact=True, host=True)
def cond(call: Call) -> list[Tensor]:
    """One of two blocks, which read the variables around them."""
    blocks = [call.owner.routine(block, call.graph, call.env) for block in call.operation.blocks]
    first = len(blocks[0].captured)

    def run(pred: Any, *captured: Any) -> list[Any]:
        results: list[Any] = blocks[0](*captured[:first]) if np.all(pred) else blocks[1](*captured[first:])
        return results

    tensors = [call.env[key] for block in blocks for key in block.captured]
    return call.graph.host(run, [call.tensor("pred"), *tensors], _outputs(call))


@lower("while_loop", exact=True, host=True)
def while_loop(call: Call) -> list[Tensor]:
    """The body again and again, as long as the condition gives true."""
    test, body = (call.owner.routine(block, call.graph, call.env) for block in call.operation.blocks)
    variables, limit = call.tensors("loop_vars"), call.graph.options.loop_limit
    count, mine = len(variables), len(test.captured)

    def run(*arrays: Any) -> list[Any]:
        values, captured = list(arrays[:count]), arrays[count:]
        for _ in range(limit):
            if not bool(np.all(test(*values, *captured[:mine])[0])):
                return values
            values = body(*values, *captured[mine:])
        raise EmulatorError(f"a loop runs more than {limit} rounds")

    tensors = [call.env[key] for routine in (test, body) for key in routine.captured]
    return call.graph.host(run, [*variables, *tensors], _outputs(call))


def _list_step(call: Call, function: Any, names: tuple[str, ...], dtype: Any = None) -> Tensor:
    kind = dtype or carrier(declared_dtype(call.operation.outputs[0]))
    return call.graph.host(lambda *a: [function(*a)], [call.tensor(name) for name in names], [(kind, None)])[0]


@lower("make_list", exact=True)
def make_list(call: Call) -> Tensor:
    """Zeros of the element shape; an element shape that is not known yet comes with the first element."""
    sizes = call.known("elem_shape") or []
    shape = [int(size) if isinstance(size, (int, np.integer)) else 0 for size in sizes]
    return call.graph.constant(np.zeros([int(call.value("init_length")), *shape], carrier(call.out_dtype)))


def _room(array: np.ndarray, length: int, element: tuple[int, ...]) -> np.ndarray:
    """A copy of a list with at least *length* elements of shape *element*."""
    if array.shape[1:] == element and len(array) >= length:
        return array.copy()
    larger = np.zeros((max(length, len(array)), *element), array.dtype)
    if array.shape[1:] == element:
        larger[: len(array)] = array
    return larger


@lower("list_write", exact=True, host=True)
def list_write(call: Call) -> Tensor:
    """Set one element."""

    def write(array: np.ndarray, index: Any, value: np.ndarray) -> np.ndarray:
        position = int(np.ravel(index)[0])
        grown = _room(array, position + 1, value.shape)
        grown[position] = value
        return grown

    return _list_step(call, write, ("ls", "index", "value"))


@lower("list_scatter", exact=True, host=True)
def list_scatter(call: Call) -> Tensor:
    """Set several elements."""

    def scatter(array: np.ndarray, indices: np.ndarray, value: np.ndarray) -> np.ndarray:
        grown = _room(array, int(np.max(indices, initial=-1)) + 1, value.shape[1:])
        grown[indices] = value
        return grown

    return _list_step(call, scatter, ("ls", "indices", "value"))


@lower("list_read", exact=True, host=True)
def list_read(call: Call) -> Tensor:
    """One element."""
    return _list_step(call, lambda array, index: array[int(np.ravel(index)[0])], ("ls", "index"))


@lower("list_gather", exact=True, host=True)
def list_gather(call: Call) -> Tensor:
    """Several elements."""
    return _list_step(call, lambda array, indices: array[indices], ("ls", "indices"))


@lower("list_length", exact=True, host=True)
def list_length(call: Call) -> Tensor:
    """How many elements there are."""
    return _list_step(call, lambda array: np.int32(len(array)), ("ls",))
