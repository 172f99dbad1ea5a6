"""Activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import activations as act
from ..calls import Call
from ..graph import Tensor
from ..registry import lower

_ONNX = {"sigmoid": "Sigmoid", "softplus": "Softplus", "softsign": "Softsign", "tanh": "Tanh"}
_PARAMETRIC: dict[str, Callable[..., Tensor]] = {
    "clamped_relu": act.clamped_relu,
    "elu": act.elu,
    "leaky_relu": act.leaky_relu,
    "linear_activation": act.linear,
    "scaled_tanh": act.scaled_tanh,
    "sigmoid_hard": act.sigmoid_hard,
    "thresholded_relu": act.thresholded_relu,
}
_PER_CHANNEL: dict[str, Callable[..., Tensor]] = {
    "prelu": act.leaky_relu,
    "softplus_parametric": act.softplus_parametric,
}


@lower("relu", exact=True)
def relu(call: Call) -> Tensor:
    """``max(x, 0)``"""
    return call.graph.node("Relu", call.tensor("x"))


@lower("relu6", exact=True)
def relu6(call: Call) -> Tensor:
    """``min(max(x, 0), 6)``"""
    return call.graph.node("Clip", call.tensor("x"), 0.0, 6.0)


@lower("silu")
def silu(call: Call) -> Tensor:
    """``x sigmoid(x)``"""
    x = call.tensor("x")
    return call.graph.node("Mul", x, call.graph.node("Sigmoid", x))


@lower(*_ONNX)
def plain(call: Call) -> Tensor:
    """Functions that ONNX has under nearly the same name."""
    return call.graph.node(_ONNX[call.operation.op_type], call.tensor("x"))


@lower(*_PARAMETRIC)
def parametric(call: Call) -> Tensor:
    """Functions of ``x`` and the scalars ``alpha``, ``beta``."""
    parameters = [call.value(name) for name in ("alpha", "beta") if call.has(name)]
    return _PARAMETRIC[call.operation.op_type](call.graph, call.tensor("x"), *parameters)


@lower(*_PER_CHANNEL)
def per_channel(call: Call) -> Tensor:
    """Functions whose ``alpha``, ``beta`` have one value per channel of ``x [N, C, *D]``."""
    x = call.tensor("x")
    shape = [-1] + [1] * (x.rank - 2)
    parameters: list[Any] = [np.reshape(call.value(name), shape) for name in ("alpha", "beta") if call.has(name)]
    return _PER_CHANNEL[call.operation.op_type](call.graph, x, *parameters)


@lower("gelu")
def gelu(call: Call) -> Tensor:
    """Gaussian error unit in one of three forms."""
    return act.gelu(call.graph, call.tensor("x"), str(call.value("mode")))


@lower("softmax")
def softmax(call: Call) -> Tensor:
    """Softmax along an axis."""
    return call.graph.node("Softmax", call.tensor("x"), axis=int(call.value("axis")))
