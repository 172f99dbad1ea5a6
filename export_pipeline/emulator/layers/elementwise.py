"""Activations and element-wise layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import activations as act
from ..graph import Tensor
from ..lower_network import LayerCall
from ..registry import layer

_PLAIN = {
    "ReLU": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "softsign": "Softsign", "softplus": "Softplus",
}  # fmt: skip
_PARAMETRIC: dict[str, Callable[..., Tensor]] = {
    "linear": act.linear, "leakyReLU": act.leaky_relu, "thresholdedReLU": act.thresholded_relu,
    "scaledTanh": act.scaled_tanh, "sigmoidHard": act.sigmoid_hard, "ELU": act.elu,
}  # fmt: skip
_PER_CHANNEL: dict[str, Callable[..., Tensor]] = {
    "PReLU": act.leaky_relu,
    "parametricSoftplus": act.softplus_parametric,
}
_UNARY_LAYERS = {
    "ceil": "Ceil", "floor": "Floor", "sign": "Sign", "round": "Round", "sin": "Sin", "cos": "Cos", "tan": "Tan",
    "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "asinh": "Asinh",
    "acosh": "Acosh", "atanh": "Atanh", "erf": "Erf", "copy": "Identity",
}  # fmt: skip
_MANY = {"add": "Add", "multiply": "Mul", "max": "Max", "min": "Min"}
_BROADCASTABLE = {
    "addBroadcastable": "Add", "subtractBroadcastable": "Sub", "multiplyBroadcastable": "Mul",
    "divideBroadcastable": "Div", "powBroadcastable": "Pow", "maxBroadcastable": "Max", "minBroadcastable": "Min",
}  # fmt: skip
_COMPARISONS = {
    "equal": "Equal", "lessThan": "Less", "lessEqual": "LessOrEqual", "greaterThan": "Greater",
    "greaterEqual": "GreaterOrEqual",
}  # fmt: skip
_UNARY = {0: "Sqrt", 4: "Exp", 6: "Abs"}


@layer("activation")
def activation(call: LayerCall) -> Tensor:
    """Any of the format's thirteen activations."""
    kind = str(call.params.WhichOneof("NonlinearityType"))
    params = getattr(call.params, kind)
    if kind in _PLAIN:
        return call.graph.node(_PLAIN[kind], call.x)
    fields = [field.name for field in params.DESCRIPTOR.fields]
    if kind in _PARAMETRIC:
        return _PARAMETRIC[kind](call.graph, call.x, *(getattr(params, field) for field in fields))
    values = [_per_channel(call, getattr(params, field)) for field in fields]
    return _PER_CHANNEL[kind](call.graph, call.x, *values)


def _per_channel(call: LayerCall, weights: Any) -> np.ndarray:
    single = len(weights.floatValue) == 1
    channels = 1 if single else call.x.sizes[-3]
    return call.decoded(weights, (channels,)).reshape(-1, 1, 1)


@layer("clampedReLU")
def clamped_relu(call: LayerCall) -> Tensor:
    """Leaky ReLU with a ceiling."""
    return act.clamped_relu(call.graph, call.x, call.params.alpha, call.params.beta)


@layer("gelu")
def gelu(call: LayerCall) -> Tensor:
    """Gaussian error unit in one of three forms."""
    mode = ("EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION")[call.params.mode]
    return act.gelu(call.graph, call.x, mode)


@layer("clip")
def clip(call: LayerCall) -> Tensor:
    """Hold values in a range."""
    return call.graph.node("Clip", call.x, float(call.params.minVal), float(call.params.maxVal))


@layer(*_UNARY_LAYERS)
def unary_layers(call: LayerCall) -> Tensor:
    """Functions that ONNX has too."""
    return call.graph.node(_UNARY_LAYERS[call.kind], call.x)


@layer("exp2")
def exp2(call: LayerCall) -> Tensor:
    """``2^x``"""
    return call.graph.node("Pow", call.graph.constant(2.0), call.x)


@layer("unary")
def unary(call: LayerCall) -> Tensor:
    """A function of ``scale x + shift``."""
    p, graph = call.params, call.graph
    # Unset numbers read as 0, which stands for the default.
    x = graph.node("Add", graph.node("Mul", call.x, float(p.scale) or 1.0), float(p.shift))
    epsilon = float(p.epsilon) or 1e-6
    if p.type in _UNARY:
        return graph.node(_UNARY[p.type], x)
    if p.type == 1:
        return graph.node("Reciprocal", graph.node("Sqrt", graph.node("Add", x, epsilon)))
    if p.type == 2:
        return graph.node("Reciprocal", graph.node("Add", x, epsilon))
    if p.type == 5:
        return graph.node("Log", graph.node("Add", x, float(p.epsilon)))
    return graph.node("Pow" if p.type == 3 else "Max", x, float(p.alpha))


@layer(*_MANY)
def many(call: LayerCall) -> Tensor:
    """Combine all inputs, or one with a number."""
    result = call.inputs[0]
    if len(call.inputs) == 1 and call.kind in ("add", "multiply"):
        return call.graph.node(_MANY[call.kind], result, float(call.params.alpha))
    for other in call.inputs[1:]:
        result = call.graph.node(_MANY[call.kind], result, other)
    return result


@layer("average")
def average(call: LayerCall) -> Tensor:
    """The mean of all inputs."""
    return call.graph.node("Mean", *call.inputs)


@layer(*_BROADCASTABLE)
def broadcastable(call: LayerCall) -> Tensor:
    """Arithmetic on two inputs with broadcasting."""
    result = call.inputs[0]
    for other in call.inputs[1:]:
        result = call.graph.node(_BROADCASTABLE[call.kind], result, other)
    return result


@layer("modBroadcastable")
def mod(call: LayerCall) -> Tensor:
    """Remainder with the sign of the divisor."""
    return act.floor_mod(call.graph, *call.inputs)


@layer("floorDivBroadcastable")
def floor_div(call: LayerCall) -> Tensor:
    """Quotient rounded down."""
    return act.floor_div(call.graph, *call.inputs)


@layer(*_COMPARISONS, "notEqual")
def comparison(call: LayerCall) -> Tensor:
    """1 where a comparison of two inputs, or of one with a number, holds."""
    other = call.inputs[1] if len(call.inputs) > 1 else float(call.params.alpha)
    if call.kind == "notEqual":
        return call.graph.node("Not", call.graph.node("Equal", call.x, other))
    return call.graph.node(_COMPARISONS[call.kind], call.x, other)


@layer("logicalAnd", "logicalOr", "logicalXor", "logicalNot")
def logical(call: LayerCall) -> Tensor:
    """Logic on numbers, zero being false."""
    truths = [call.graph.cast(x, np.bool_) for x in call.inputs]
    return call.graph.node(call.kind.removeprefix("logical"), *truths)


@layer("whereBroadcastable")
def where(call: LayerCall) -> Tensor:
    """The second input where the first is not zero, else the third."""
    condition, a, b = call.inputs
    return call.graph.node("Where", call.graph.cast(condition, np.bool_), a, b)


def _broadcast(call: LayerCall, field: str, shape: Any) -> np.ndarray:
    """Weights of shape ``[1]``, ``[C]``, ``[1, H, W]`` or ``[C, H, W]``, ready to meet ``[..., C, H, W]``."""
    sizes = [int(size) for size in shape]
    values = call.weights(field, sizes)
    return values.reshape(-1, 1, 1) if len(sizes) == 1 else values


@layer("scale")
def scale(call: LayerCall) -> Tensor:
    """Stored factors, and a stored bias."""
    y = call.graph.node("Mul", call.x, _broadcast(call, "scale", call.params.shapeScale))
    return call.graph.node("Add", y, _broadcast(call, "bias", call.params.shapeBias)) if call.params.hasBias else y


@layer("bias")
def bias(call: LayerCall) -> Tensor:
    """A stored bias."""
    return call.graph.node("Add", call.x, _broadcast(call, "bias", call.params.shape))
