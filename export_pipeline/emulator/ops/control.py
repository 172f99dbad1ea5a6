"""Branches, loops and lists. They run between the ONNX parts of a model, and their blocks as models of their own.

A list is carried as one array with a leading axis over its elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..calls import Call, declared_dtype
from ..graph import Tensor, carrier
from ..registry import lower


def _written(operation: Any) -> list[Any]:
    """The states that the blocks of an operation write, those of nested operations too."""
    found: list[Any] = []
    for block in operation.blocks:
        for inner in block.operations:
            found += [inner.inputs["state"]] if inner.op_type == "coreml_update_state" else _written(inner)
    return list(dict.fromkeys(found))


def _step(call: Call, run: Any, tensors: list[Tensor], states: list[Any]) -> list[Tensor]:
    """A NumPy step that gives the outputs of the operation, and then new values of *states*."""
    made = [*call.operation.outputs, *states]
    types = [(carrier(declared_dtype(var)), None) for var in made]
    results = call.graph.host(run, tensors, types, "the blocks of branches and loops")
    count = len(call.operation.outputs)
    for state, value in zip(states, results[count:], strict=True):
        call.env[state] = call.graph.shaped(value, call.env[state].sizes)
    return results[:count]


@lower("cond", exact=True, host=True)
def cond(call: Call) -> list[Tensor]:
    """One of two blocks, which read the variables around them and may write states."""
    states = _written(call.operation)
    blocks = [call.owner.routine(block, call.graph, call.env, states) for block in call.operation.blocks]
    count, first = len(states), len(blocks[0].captured)

    def run(pred: Any, *arrays: Any) -> list[Any]:
        held, captured = arrays[:count], arrays[count:]
        chosen, mine = (blocks[0], captured[:first]) if np.all(pred) else (blocks[1], captured[first:])
        results: list[Any] = chosen(*held, *mine)
        return results

    tensors = [call.env[key] for key in [*states, *blocks[0].captured, *blocks[1].captured]]
    return _step(call, run, [call.tensor("pred"), *tensors], states)


@lower("while_loop", exact=True, host=True)
def while_loop(call: Call) -> list[Tensor]:
    """The body again and again, as long as the condition gives true. Either may write states."""
    states, options = _written(call.operation), call.graph.options
    test, body = (call.owner.routine(block, call.graph, call.env, states) for block in call.operation.blocks)
    variables = call.tensors("loop_vars")
    count, carried, mine = len(variables), len(variables) + len(states), len(test.captured)

    def run(*arrays: Any) -> list[Any]:
        values, captured = list(arrays[:carried]), arrays[carried:]
        while True:
            goes_on, *held = test(*values, *captured[:mine])
            values[count:] = held
            if not bool(np.all(goes_on)):
                return values
            options.take_round()
            values = body(*values, *captured[mine:])

    tensors = [call.env[key] for key in [*states, *test.captured, *body.captured]]
    return _step(call, run, [*variables, *tensors], states)


def _list_step(call: Call, function: Any, names: tuple[str, ...], dtype: Any = None) -> Tensor:
    kind = dtype or carrier(declared_dtype(call.operation.outputs[0]))
    return call.graph.host(lambda *a: [function(*a)], [call.tensor(name) for name in names], [(kind, None)])[0]


@lower("make_list", exact=True)
def make_list(call: Call) -> Tensor:
    """Zeros of the element shape; an element shape that is not known yet comes with the first element."""
    element = call.known("elem_shape") or []
    shape = [int(size) if isinstance(size, (int, np.integer)) else 0 for size in element]
    sizes = [int(call.value("init_length")), *shape]
    call.graph.options.room(sizes)
    return call.graph.constant(np.zeros(sizes, carrier(call.out_dtype)))


def _grown(call: Call, array: np.ndarray, length: int, element: tuple[int, ...]) -> np.ndarray:
    """A copy of a list with at least *length* elements of shape *element*."""
    call.graph.options.room([length, *element])
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
        grown = _grown(call, array, position + 1, value.shape)
        grown[position] = value
        return grown

    return _list_step(call, write, ("ls", "index", "value"))


@lower("list_scatter", exact=True, host=True)
def list_scatter(call: Call) -> Tensor:
    """Set several elements."""

    def scatter(array: np.ndarray, indices: np.ndarray, value: np.ndarray) -> np.ndarray:
        grown = _grown(call, array, int(np.max(indices, initial=-1)) + 1, value.shape[1:])
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
