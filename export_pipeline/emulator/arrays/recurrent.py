"""Long short-term memory whose cell is clipped, which ONNX's is not: it clips what goes into the activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Tanh": lambda x, a, b: np.tanh(x),
    "Sigmoid": lambda x, a, b: 1 / (1 + np.exp(-x)),
    "Relu": lambda x, a, b: np.maximum(x, 0),
    "Affine": lambda x, a, b: a * x + b,
    "HardSigmoid": lambda x, a, b: np.clip(a * x + b, 0, 1),
    "ScaledTanh": lambda x, a, b: a * np.tanh(b * x),
}


def _function(activation: Sequence[Any]) -> Callable[[Any], Any]:
    name, alpha, beta = activation
    return lambda x: _FUNCTIONS[name](x, alpha, beta)


def lstm(
    x: np.ndarray, h: np.ndarray, c: np.ndarray, one: Any, activations: Sequence[Any], clip: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One direction over ``x [T, B, I]`` with the gates of *one* in Core ML's order, i f o z."""
    gate, cell, out = (_function(activation) for activation in activations)
    peepholes = np.split(np.zeros(3 * h.shape[1]) if one.peephole is None else one.peephole, 3)
    bias = 0 if one.bias is None else one.bias
    outputs = []
    for step in x:
        i, f, o, z = np.split(step @ one.weight.T + h @ one.recurrent.T + bias, 4, axis=1)
        kept, added = gate(f + c * peepholes[1]), gate(i + c * peepholes[0])
        c = np.clip(kept * c + added * cell(z), -clip, clip)
        h = gate(o + c * peepholes[2]) * out(c)
        outputs.append(h)
    return np.stack(outputs), h, c
