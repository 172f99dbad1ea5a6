"""Adaptive instance norms in two passes over the image instead of four."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from export_pipeline.formats.tflite import flatbuffer


@dataclass(frozen=True)
class Chain:
    """``((x * scale + shift) * scale2 + shift2)``: four operations, and the tensors that they take."""

    operators: tuple[Any, Any, Any, Any]
    x: int
    scale: int
    shift: int
    scale2: int
    shift2: int


def fold(model: Any) -> int:
    """Make ``x * (scale scale2) + (shift scale2 + shift2)`` of each norm that is scaled and shifted once more.

    That is what a converter makes of an instance norm whose scale and shift a style tells: its own are a
    multiplication and an addition, and those of the style two more, all four over a whole image. Of numbers by channel
    the products cost nothing. The values are the same but for rounding.

    Returns:
        How many norms became shorter.
    """
    (graph,) = model.subgraphs
    folded = 0
    for last in list(graph.operators):
        chain = _chain(model, graph, last)
        if chain is not None:
            _shorten(graph, chain)
            folded += 1
    return folded


def _chain(model: Any, graph: Any, last: Any) -> Chain | None:
    """The four operations that end with *last*, if they are there and nothing else takes what is between them."""
    operators, small = [last], []
    for called in ("ADD", "MUL", "ADD", "MUL"):
        operator = operators[-1]
        parts = _by_channel(graph, operator) if flatbuffer.name(model, operator) == called else None
        if parts is None or (operator is not last and operator.builtinOptions.fusedActivationFunction):
            return None
        x, other = parts
        small.append(other)
        if len(small) < 4:
            sources = [each for each in graph.operators if x in each.outputs]
            users = [each for each in graph.operators if x in each.inputs]
            if len(sources) != 1 or len(users) != 1 or x in graph.outputs:
                return None
            operators += sources
    first, second, third, fourth = reversed(operators)
    shift2, scale2, shift, scale = small
    return Chain((first, second, third, fourth), x, scale, shift, scale2, shift2)


def _by_channel(graph: Any, operator: Any) -> tuple[int, int] | None:
    """The input that is an image, and that with one number for each of its channels; both float32."""
    float32 = flatbuffer.schema().TensorType.FLOAT32
    tensors = {index: graph.tensors[index] for index in operator.inputs}
    if len(tensors) != 2 or any(tensor.type != float32 for tensor in tensors.values()):
        return None
    image = [index for index in tensors if not _is_small(tensors[index])]
    small = [index for index in tensors if _is_small(tensors[index])]
    if len(image) != 1 or list(tensors[image[0]].shape[-1:]) != list(tensors[small[0]].shape[-1:]):
        return None
    return image[0], small[0]


def _is_small(tensor: Any) -> bool:
    """Whether it has one number for each channel: ``(1, 1, 1, C)``."""
    shape = [] if tensor.shape is None else list(tensor.shape)
    return len(shape) == 4 and shape[:3] == [1, 1, 1]


def _shorten(graph: Any, chain: Chain) -> None:
    multiply, add, multiply2, add2 = chain.operators

    def made(like: Any, inputs: tuple[int, int], output: int | None = None) -> Any:
        """An operation like *like*, without activation unless it gives *output*; else it gives a new tensor."""
        operator = copy.copy(like)
        if output is None:
            operator.builtinOptions = copy.copy(like.builtinOptions)
            operator.builtinOptions.fusedActivationFunction = 0
            output = _new_tensor(graph, inputs[0])
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        return operator

    scaled = made(multiply, (chain.scale, chain.scale2))
    shifted = made(multiply, (chain.shift, chain.scale2))
    moved = made(add, (int(shifted.outputs[0]), chain.shift2))
    product = made(multiply, (chain.x, int(scaled.outputs[0])))
    total = made(add2, (int(product.outputs[0]), int(moved.outputs[0])), int(add2.outputs[0]))
    # All that they take is there where the last of the four was.
    place = next(index for index, operator in enumerate(graph.operators) if operator is add2)
    graph.operators[place : place + 1] = [scaled, shifted, moved, product, total]
    gone = (multiply, add, multiply2)
    graph.operators = [operator for operator in graph.operators if not any(operator is each for each in gone)]


def _new_tensor(graph: Any, like: int) -> int:
    """The index of a new tensor that is computed, of the shape and type of *like*."""
    tensor = copy.copy(graph.tensors[like])
    tensor.buffer = 0
    tensor.name = f"folded_{len(graph.tensors)}"
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1
