"""Layers that compute each value from values at the same place, and arithmetic between layers."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from export_pipeline.formats.coreai.registry import Call, layer

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program
    from export_pipeline.formats.coreai.tensor import Tensor

_OPERATORS = {
    **{f"{prefix}{word}": name for prefix in ("math.", "__operators__.") for word, name in (("add", "add"),)},
    "math.subtract": "sub",
    "math.multiply": "mul",
    "math.truediv": "divide",
    "math.divide": "divide",
}


def _over(program: Program, name: str, tensors: tuple[Tensor, ...]) -> Tensor:
    return functools.reduce(lambda one, other: program.binary(name, one, other), tensors)


@layer("Add")
def _add(program: Program, call: Call, *tensors: Tensor) -> Tensor:
    return _over(program, "add", tensors)


@layer("Subtract")
def _subtract(program: Program, call: Call, *tensors: Tensor) -> Tensor:
    return _over(program, "sub", tensors)


@layer("Multiply")
def _multiply(program: Program, call: Call, *tensors: Tensor) -> Tensor:
    return _over(program, "mul", tensors)


@layer("Average")
def _average(program: Program, call: Call, *tensors: Tensor) -> Tensor:
    return program.scaled(_over(program, "add", tensors), 1 / len(tensors))


@layer("Maximum")
def _maximum(program: Program, call: Call, *tensors: Tensor) -> Tensor:
    return _over(program, "maximum", tensors)


@layer("Minimum")
def _minimum(program: Program, call: Call, *tensors: Tensor) -> Tensor:
    return _over(program, "minimum", tensors)


@layer("Rescaling")
def _rescaling(program: Program, call: Call, x: Tensor) -> Tensor:
    """Ours and Keras' own; scale and offset may be one for each channel."""
    x, (scale, offset) = program.computed(x), (np.asarray(call.config[key]) for key in ("scale", "offset"))
    if scale.ndim or offset.ndim:
        factors, offsets = (program.channels(x, np.broadcast_to(each, x.shape[-1:])) for each in (scale, offset))
        return program.binary("add", program.binary("mul", x, factors), offsets)
    return program.scaled(x, float(scale), float(offset))


@layer(
    *("ActivityRegularization", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D"),
    *("AlphaDropout", "InputLayer"),
)
def _as_it_is(program: Program, call: Call, x: Tensor) -> Tensor:
    """Does something in training only."""
    return x


def _operator(config: Mapping[str, Any]) -> str:
    name = config.get("function")
    return "" if name in _OPERATORS else f"function {name}"


@layer("TFOpLambda", check=_operator)
def _between_layers(program: Program, call: Call, *tensors: Tensor) -> Tensor:
    """``+ - * /`` of two layers, or of a layer and a number."""
    given = list(tensors)
    sides = [_side(program, argument, given, tensors[0]) for argument in call.arguments[:2]]
    return program.binary(_OPERATORS[call.config["function"]], *sides)


def _side(program: Program, argument: Any, given: list[Tensor], like: Tensor) -> Tensor:
    if isinstance(argument, Mapping) and "tensor" in argument:
        return given.pop(0)
    values = np.asarray(argument["constant"] if isinstance(argument, Mapping) else argument)
    if values.ndim == 0:
        return program.number(like, float(values))
    shaped = values.reshape((1,) * (len(like.held) - values.ndim) + values.shape)
    return type(like)(program.constant(shaped, np.dtype(like.dtype)))
