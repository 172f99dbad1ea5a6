"""Activation functions of both model formats, as functions of a graph tensor and up to two parameters.

A parameter is a number, or an array that broadcasts against ``x``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph import Graph, Tensor


def array(value: Any) -> np.ndarray:
    """A parameter in the type that activations compute in."""
    return np.asarray(value, np.float32)


def linear(graph: Graph, x: Tensor, alpha: Any, beta: Any) -> Tensor:
    """``alpha x + beta``"""
    return graph.node("Add", graph.node("Mul", x, array(alpha)), array(beta))


def leaky_relu(graph: Graph, x: Tensor, alpha: Any) -> Tensor:
    """``x`` where positive, else ``alpha x``"""
    return graph.node("PRelu", x, array(alpha))


def clamped_relu(graph: Graph, x: Tensor, alpha: Any, beta: Any) -> Tensor:
    """:func:`leaky_relu`, at most ``beta``"""
    return graph.node("Min", leaky_relu(graph, x, alpha), array(beta))


def thresholded_relu(graph: Graph, x: Tensor, alpha: Any) -> Tensor:
    """``x`` where it is at least ``alpha``, else 0 (ONNX ThresholdedRelu excludes ``alpha`` itself)"""
    return graph.node("Where", graph.node("Less", x, array(alpha)), array(0), x)


def elu(graph: Graph, x: Tensor, alpha: Any) -> Tensor:
    """``x`` where positive, else ``alpha (e^x - 1)``"""
    return graph.node("Elu", x, alpha=float(alpha))


def sigmoid_hard(graph: Graph, x: Tensor, alpha: Any, beta: Any) -> Tensor:
    """``alpha x + beta``, held in [0, 1]"""
    return graph.node("Clip", linear(graph, x, alpha, beta), 0.0, 1.0)


def scaled_tanh(graph: Graph, x: Tensor, alpha: Any, beta: Any) -> Tensor:
    """``alpha tanh(beta x)``"""
    return graph.node("Mul", graph.node("Tanh", graph.node("Mul", x, array(beta))), array(alpha))


def softplus_parametric(graph: Graph, x: Tensor, alpha: Any, beta: Any) -> Tensor:
    """``alpha log(1 + e^(beta x))``"""
    return graph.node("Mul", graph.node("Softplus", graph.node("Mul", x, array(beta))), array(alpha))


def gelu(graph: Graph, x: Tensor, mode: str) -> Tensor:
    """Gaussian error unit: ``EXACT``, ``TANH_APPROXIMATION`` or ``SIGMOID_APPROXIMATION``"""
    if mode == "SIGMOID_APPROXIMATION":
        return graph.node("Mul", x, graph.node("Sigmoid", graph.node("Mul", x, 1.702)))
    return graph.node("Gelu", x, approximate="none" if mode == "EXACT" else "tanh")


def floor_mod(graph: Graph, x: Tensor, y: Tensor) -> Tensor:
    """Remainder with the sign of the divisor, as Python's ``%``"""
    if x.dtype.kind != "f":
        return graph.node("Mod", x, y)
    return graph.node("Sub", x, graph.node("Mul", y, graph.node("Floor", graph.node("Div", x, y))))


def floor_div(graph: Graph, x: Tensor, y: Tensor) -> Tensor:
    """Quotient rounded down, also for integers (ONNX Div rounds those toward zero)"""
    if x.dtype.kind == "f":
        return graph.node("Floor", graph.node("Div", x, y))
    wide = [graph.cast(tensor, np.float64) for tensor in (x, y)]
    return graph.cast(graph.node("Floor", graph.node("Div", *wide)), x.dtype)
