"""Activations, as layers and as what another layer ends with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from export_pipeline.formats.coreai.registry import Call, layer

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program
    from export_pipeline.formats.coreai.tensor import Tensor

# Klambauer et al., "Self-Normalizing Neural Networks", 2017.
_SELU = (1.0507009873554805, 1.6732632423543772)


def _elu(program: Program, x: Tensor, alpha: float = 1.0) -> Tensor:
    """``x`` above zero, ``alpha (exp(x) - 1)`` below; of the exponential only what does not overflow is taken."""
    below = program.unary("exp", program.binary("minimum", x, program.number(x, 0)))
    negative = program.scaled(below, alpha, -alpha)
    return program.binary("add", program.unary("relu", x), negative)


def _selu(program: Program, x: Tensor) -> Tensor:
    return program.scaled(_elu(program, x, _SELU[1]), _SELU[0])


def _softplus(program: Program, x: Tensor) -> Tensor:
    """``log(1 + exp(x))``, as ``max(x, 0) + log(1 + exp(-|x|))``, which does not overflow."""
    small = program.unary("exp", program.scaled(program.unary("abs_", x), -1))
    return program.binary("add", program.unary("relu", x), program.unary("log", program.scaled(small, 1, 1)))


def _softsign(program: Program, x: Tensor) -> Tensor:
    return program.binary("divide", x, program.scaled(program.unary("abs_", x), 1, 1))


def _mish(program: Program, x: Tensor) -> Tensor:
    return program.binary("mul", x, program.unary("tanh", _softplus(program, x)))


def _gelu(program: Program, x: Tensor) -> Tensor:
    """``x / 2 (1 + erf(x / sqrt(2)))`` (Hendrycks and Gimpel, 2016)."""
    half = program.scaled(program.unary("erf", program.scaled(x, 2**-0.5)), 0.5, 0.5)
    return program.binary("mul", x, half)


def softmax(program: Program, x: Tensor, axis: int = -1) -> Tensor:
    """Softmax along *axis*, with the channels last."""
    place = program.whole(x.axes[axis % len(x.held)], signed=True)
    return type(x)(program.ops.softmax(x.value, place), x.first)


def between(program: Program, x: Tensor, low: float, high: float) -> Tensor:
    """*x*, at least *low* and at most *high*."""
    return program.binary("minimum", program.binary("maximum", x, program.number(x, low)), program.number(x, high))


def _capped(program: Program, x: Tensor, most: float) -> Tensor:
    x = program.unary("relu", x)
    return program.binary("minimum", x, program.number(x, most))


ACTIVATIONS: Mapping[str, Callable[[Program, Tensor], Tensor]] = {
    "elu": _elu,
    "exponential": lambda program, x: program.unary("exp", x),
    "gelu": _gelu,
    "hard_sigmoid": lambda program, x: between(program, program.scaled(x, 0.2, 0.5), 0, 1),
    "linear": lambda program, x: x,
    "mish": _mish,
    "relu": lambda program, x: program.unary("relu", x),
    "relu6": lambda program, x: _capped(program, x, 6),
    "selu": _selu,
    "sigmoid": lambda program, x: program.unary("sigmoid", x),
    "silu": lambda program, x: program.unary("silu", x),
    "softmax": softmax,
    "softplus": _softplus,
    "softsign": _softsign,
    "swish": lambda program, x: program.unary("silu", x),
    "tanh": lambda program, x: program.unary("tanh", x),
}


def activated(program: Program, name: str | None, x: Tensor) -> Tensor:
    """*x* after the activation *name*."""
    return ACTIVATIONS[name or "linear"](program, x)


def known(config: Mapping[str, Any]) -> str:
    """Which activation of a configuration is not written; empty where all are."""
    for key in ("activation", "recurrent_activation"):
        name = config.get(key)
        if name is not None and not (isinstance(name, str) and name in ACTIVATIONS):
            told = name.get("class_name", name) if isinstance(name, Mapping) else name
            return f"activation {told!r}"
    return ""


@layer("Activation", check=known)
def _activation(program: Program, call: Call, x: Tensor) -> Tensor:
    return activated(program, call.config["activation"], x)


@layer("ReLU")
def _relu(program: Program, call: Call, x: Tensor) -> Tensor:
    """``f(x) = most`` from there on, ``x`` from the threshold on, ``slope (x - threshold)`` below it."""
    slope, threshold = (float(call.config.get(key) or 0) for key in ("negative_slope", "threshold"))
    most = call.config.get("max_value")
    if threshold:
        above = program.cast(program.unary("not_", _less(program, x, threshold)), x.dtype)
        made = program.binary("mul", x, above)
        if slope:
            lower = program.binary("minimum", program.scaled(x, 1, -threshold), program.number(x, 0))
            made = program.binary("add", made, program.scaled(lower, slope))
    else:
        made = program.unary("relu", x) if not slope else _leaky(program, x, program.number(x, slope))
    return made if most is None else program.binary("minimum", made, program.number(made, float(most)))


def _less(program: Program, x: Tensor, threshold: float) -> Tensor:
    limit = program.number(x, threshold)
    return type(x)(program.ops.greater(program.spread(limit.value, x.held), x.value), x.first)


def _leaky(program: Program, x: Tensor, slope: Tensor) -> Tensor:
    below = program.binary("minimum", x, program.number(x, 0))
    return program.binary("add", program.unary("relu", x), program.binary("mul", below, slope))


@layer("LeakyReLU")
def _leaky_relu(program: Program, call: Call, x: Tensor) -> Tensor:
    return _leaky(program, x, program.number(x, float(call.config["alpha"])))


@layer("PReLU")
def _prelu(program: Program, call: Call, x: Tensor) -> Tensor:
    """A slope of its own below zero for each value, but for axes that share one (He et al., 2015)."""
    plain = type(x)(program.last(x))
    slopes = program.constant(call.weight("alpha")[None], np.dtype(x.dtype))
    return _leaky(program, plain, type(x)(slopes))


@layer("ELU")
def _elu_layer(program: Program, call: Call, x: Tensor) -> Tensor:
    return _elu(program, x, float(call.config["alpha"]))


@layer(
    "Softmax", check=lambda config: "" if isinstance(config.get("axis", -1), int) else "several axes for one softmax"
)
def _softmax_layer(program: Program, call: Call, x: Tensor) -> Tensor:
    return softmax(program, x, int(call.config["axis"]))
