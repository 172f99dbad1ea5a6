"""Normalizations. Statistics are taken in float32 whatever the arithmetic is: sums of thousands overflow in half."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from export_pipeline.formats.coreai.registry import Call, layer

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program, Tensor


def _last_axis(config: Any) -> str:
    axis = config.get("axis", -1)
    axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
    return "" if axis in (-1, 3) else f"axis {axis}"


def _centred(program: Program, x: Tensor, axes: Sequence[int], epsilon: float) -> tuple[Tensor, Tensor]:
    """*x* less its mean over *axes*, and one over its deviation, both float32."""
    exact = program.cast(x, np.float32)
    centred = program.binary("sub", exact, program.mean(exact, axes))
    variance = program.mean(program.binary("mul", centred, centred), axes)
    return centred, program.unary("rsqrt", program.scaled(variance, 1, epsilon))


def _scaled(program: Program, x: Tensor, inverse: Tensor, call: Call) -> Tensor:
    """``x * inverse * gamma + beta`` in the type of the arithmetic."""
    if call.has("gamma"):
        inverse = program.binary("mul", inverse, program.channels(inverse, call.weight("gamma")))
    made = program.computed(program.binary("mul", x, inverse))
    return made if not call.has("beta") else program.binary("add", made, program.channels(made, call.weight("beta")))


@layer("InstanceNormalization")
def _instance(program: Program, call: Call, x: Tensor) -> Tensor:
    """Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016."""
    return _scaled(program, *_centred(program, x, (1, 2), float(call.config["epsilon"])), call)


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
    return _scaled(program, *_centred(program, x, (-1,), float(call.config["epsilon"])), call)


@layer("GroupNormalization", check=_last_axis)
def _group(program: Program, call: Call, x: Tensor) -> Tensor:
    """Wu and He, "Group Normalization", 2018."""
    shape = x.shape
    groups = shape[-1] if call.config["groups"] == -1 else int(call.config["groups"])
    parts = program.reshape(x, (shape[0], int(np.prod(shape[1:-1])), groups, shape[-1] // groups))
    centred, inverse = _centred(program, parts, (1, 3), float(call.config["epsilon"]))
    return _scaled_whole(program, program.reshape(program.binary("mul", centred, inverse), shape), call)


def _scaled_whole(program: Program, x: Tensor, call: Call) -> Tensor:
    if call.has("gamma"):
        x = program.binary("mul", x, program.channels(x, call.weight("gamma")))
    x = program.computed(x)
    return x if not call.has("beta") else program.binary("add", x, program.channels(x, call.weight("beta")))


@layer("UnitNormalization", check=_last_axis)
def _unit(program: Program, call: Call, x: Tensor) -> Tensor:
    """Each vector of channels divided by its length."""
    exact = program.cast(x, np.float32)
    squares = program.sum_over(program.binary("mul", exact, exact), [-1])
    least = program.binary("maximum", squares, program.number(squares, 1e-12))
    return program.computed(program.binary("mul", exact, program.unary("rsqrt", least)))
