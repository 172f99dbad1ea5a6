"""Normalizations. Statistics are taken in float32 whatever the arithmetic is: sums of thousands overflow in half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from export_pipeline.formats.coreai.registry import Call, layer

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program
    from export_pipeline.formats.coreai.tensor import Tensor


def _last_axis(config: Any) -> str:
    axis = config.get("axis", -1)
    axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
    return "" if axis in (-1, 3) else f"axis {axis}"


def _normalized(program: Program, x: Tensor, axes: Sequence[int], call: Call) -> Tensor:
    """*x* with mean ``beta`` and deviation ``gamma`` over *axes*, in the type of the arithmetic."""
    roles = [role for role in ("gamma", "beta") if call.has(role)]
    weights = [program.channels(program.computed(x), call.weight(role)) for role in roles]
    epsilon = float(call.config["epsilon"])

    def part(x: Tensor, *weights: Tensor) -> Tensor:
        given = dict(zip(roles, weights, strict=True))
        exact = program.cast(x, np.float32)
        centred = program.binary("sub", exact, program.mean(exact, axes))
        variance = program.mean(program.binary("mul", centred, centred), axes)
        scale = program.unary("rsqrt", program.scaled(variance, 1, epsilon))
        if "gamma" in given:
            scale = program.binary("mul", scale, program.cast(given["gamma"], np.float32))
        made = program.computed(program.binary("mul", centred, scale))
        return program.binary("add", made, given["beta"]) if "beta" in given else made

    return program.part(("normalized", *roles, *axes, epsilon), part, x, *weights)


@layer("InstanceNormalization")
def _instance(program: Program, call: Call, x: Tensor) -> Tensor:
    """Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016."""
    return _normalized(program, x, (1, 2), call)


@layer("BatchNormalization", check=_last_axis)
def _batch(program: Program, call: Call, x: Tensor) -> Tensor:
    """With the statistics of the training, which are a factor and an offset of each channel."""
    x = program.computed(x)
    mean, variance = (call.weight(f"moving_{name}").astype(np.float64) for name in ("mean", "variance"))
    scale = 1 / np.sqrt(variance + float(call.config["epsilon"]))
    scale = scale * call.weight("gamma") if call.has("gamma") else scale
    offset = (call.weight("beta") if call.has("beta") else 0) - mean * scale
    return program.binary("add", program.binary("mul", x, program.channels(x, scale)), program.channels(x, offset))


@layer("LayerNormalization", check=_last_axis)
def _layer(program: Program, call: Call, x: Tensor) -> Tensor:
    """Ba et al., "Layer Normalization", 2016."""
    return _normalized(program, x, (-1,), call)


@layer("GroupNormalization", check=_last_axis)
def _group(program: Program, call: Call, x: Tensor) -> Tensor:
    """Wu and He, "Group Normalization", 2018."""
    shape = x.shape
    groups = shape[-1] if call.config["groups"] == -1 else int(call.config["groups"])
    parts = program.reshape(x, (shape[0], int(np.prod(shape[1:-1])), groups, shape[-1] // groups))
    bare = replace(call, weights=[])
    made = program.reshape(_normalized(program, parts, (1, 3), bare), shape)
    if call.has("gamma"):
        made = program.binary("mul", made, program.channels(made, call.weight("gamma")))
    return made if not call.has("beta") else program.binary("add", made, program.channels(made, call.weight("beta")))


@layer("UnitNormalization", check=_last_axis)
def _unit(program: Program, call: Call, x: Tensor) -> Tensor:
    """Each vector of channels divided by its length."""
    exact = program.cast(x, np.float32)
    squares = program.sum_over(program.binary("mul", exact, exact), [-1])
    least = program.binary("maximum", squares, program.number(squares, 1e-12))
    return program.computed(program.binary("mul", exact, program.unary("rsqrt", least)))
