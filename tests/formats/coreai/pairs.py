"""Operations on single values, along axes, and how cases of them are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Random = np.random.Generator


@dataclass(frozen=True)
class Drawn:
    """Arrays that go in, and numbers that both builders are told."""

    arrays: tuple[np.ndarray, ...]
    told: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """One operation: what Core ML's builder makes, what Core AI's does, and how a case is drawn."""

    name: str
    core_ml: Callable[..., Any]
    core_ai: Callable[..., Any]
    draw: Callable[[Random], Drawn]


def whole(values: Any, dtype: Any = np.int32) -> np.ndarray:
    return np.asarray(values, dtype)


def unsigned(values: Any) -> np.ndarray:
    return whole(values, np.uint32)


def a_shape(random: Random, rank: int) -> tuple[int, ...]:
    return tuple(int(n) for n in random.integers(1, 6, rank))


def _any(low: float = -3.0, high: float = 3.0) -> Callable[[Random], Drawn]:
    def draw(random: Random) -> Drawn:
        shape = a_shape(random, int(random.integers(1, 5)))
        return Drawn((random.uniform(low, high, shape).astype(np.float32),))

    return draw


def an_axis(random: Random) -> Drawn:
    x = random.normal(size=a_shape(random, int(random.integers(2, 5)))).astype(np.float32)
    return Drawn((x,), {"axis": int(random.integers(0, x.ndim))})


def _two(low: float, high: float) -> Callable[[Random], Drawn]:
    """Two tensors, the second of which has axes of one."""

    def draw(random: Random) -> Drawn:
        shape = a_shape(random, 3)
        other = tuple(1 if random.random() < 0.4 else length for length in shape)
        return Drawn(tuple(random.uniform(low, high, each).astype(np.float32) for each in (shape, other)))

    return draw


_UNARY: dict[str, tuple[str, float, float]] = {
    "abs": ("abs_", -3, 3),
    "acos": ("acos", -0.9, 0.9),
    "asin": ("asin", -0.9, 0.9),
    "atan": ("atan", -3, 3),
    "atanh": ("atanh", -0.9, 0.9),
    "cos": ("cos", -3, 3),
    "cosh": ("cosh", -2, 2),
    "erf": ("erf", -3, 3),
    "exp": ("exp", -3, 3),
    "log": ("log", 0.1, 5),
    "relu": ("relu", -3, 3),
    "round": ("round_", -3, 3),
    "rsqrt": ("rsqrt", 0.1, 5),
    "sigmoid": ("sigmoid", -5, 5),
    "silu": ("silu", -5, 5),
    "sin": ("sin", -3, 3),
    "sinh": ("sinh", -2, 2),
    "sqrt": ("sqrt", 0.1, 5),
    "tan": ("tan", -1, 1),
    "tanh": ("tanh", -3, 3),
}
_BINARY = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "real_div": "divide",
    "maximum": "maximum",
    "minimum": "minimum",
    "pow": "pow",
    "floor_div": "floor_divide",
    "mod": "modulo",
}
_REDUCTIONS = {
    "reduce_sum": "reduce_sum",
    "reduce_mean": "reduce_mean",
    "reduce_max": "reduce_max",
    "reduce_min": "reduce_min",
    "reduce_prod": "reduce_product",
}


def _unary(name: str) -> Pair:
    theirs, low, high = _UNARY[name]
    epsilon = {"epsilon": 0.0} if name in ("log", "rsqrt") else {}
    return Pair(
        name,
        lambda mb, x: getattr(mb, name)(x=x, **epsilon),
        lambda ops, x: getattr(ops, theirs)(x),
        _any(low, high),
    )


def _binary(name: str) -> Pair:
    theirs = f"broadcasting_{_BINARY[name]}"
    return Pair(
        name,
        lambda mb, x, y: getattr(mb, name)(x=x, y=y),
        lambda ops, x, y: getattr(ops, theirs)(x, y),
        _two(0.2, 4),
    )


def _reduction(name: str) -> Pair:
    return Pair(
        name,
        lambda mb, x, axis: getattr(mb, name)(x=x, axes=[axis], keep_dims=True),
        lambda ops, x, axis: getattr(ops, _REDUCTIONS[name])(x, whole([axis])),
        an_axis,
    )


def _index_of_largest(ops: Any, x: Any, axis: int) -> Any:
    return ops.cast(ops.argmax(x, whole(axis)), np.float32)


VALUES: tuple[Pair, ...] = (
    *map(_unary, _UNARY),
    Pair("gelu", lambda mb, x: mb.gelu(x=x, mode="EXACT"), lambda ops, x: ops.gelu(x), _any()),
    *map(_binary, _BINARY),
    *map(_reduction, _REDUCTIONS),
    Pair(
        "softmax",
        lambda mb, x, axis: mb.softmax(x=x, axis=axis),
        lambda ops, x, axis: ops.softmax(x, whole(axis)),
        an_axis,
    ),
    Pair(
        "reduce_argmax",
        lambda mb, x, axis: mb.cast(x=mb.reduce_argmax(x=x, axis=axis, keep_dims=True), dtype="fp32"),
        _index_of_largest,
        an_axis,
    ),
)
