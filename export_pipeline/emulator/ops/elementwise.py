"""Operations that work element by element."""

from __future__ import annotations

import numpy as np

from .. import activations as act
from ..calls import Call
from ..graph import Tensor
from ..registry import lower

_BINARY = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "real_div": "Div", "pow": "Pow",
    "equal": "Equal", "greater": "Greater", "greater_equal": "GreaterOrEqual", "less": "Less",
    "less_equal": "LessOrEqual",
}  # fmt: skip
_CHOICE = {"maximum": "Max", "minimum": "Min"}
_LOGICAL = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}
_UNARY = {
    "acos": "Acos", "asin": "Asin", "atan": "Atan", "atanh": "Atanh", "cos": "Cos", "cosh": "Cosh", "erf": "Erf",
    "exp": "Exp", "sin": "Sin", "sinh": "Sinh", "sqrt": "Sqrt", "tan": "Tan",
}  # fmt: skip
_EXACT_UNARY = {"abs": "Abs", "ceil": "Ceil", "floor": "Floor", "round": "Round", "sign": "Sign"}


@lower(*_BINARY)
def binary(call: Call) -> Tensor:
    """Arithmetic and comparisons, with broadcasting."""
    return call.graph.node(_BINARY[call.operation.op_type], call.tensor("x"), call.tensor("y"))


@lower(*_CHOICE, exact=True)
def choice(call: Call) -> Tensor:
    """The larger or the smaller value."""
    return call.graph.node(_CHOICE[call.operation.op_type], call.tensor("x"), call.tensor("y"))


@lower("not_equal")
def not_equal(call: Call) -> Tensor:
    """``x != y``"""
    return call.graph.node("Not", call.graph.node("Equal", call.tensor("x"), call.tensor("y")))


@lower("floor_div")
def floor_div(call: Call) -> Tensor:
    """``x // y``"""
    return act.floor_div(call.graph, call.tensor("x"), call.tensor("y"))


@lower("mod")
def mod(call: Call) -> Tensor:
    """``x % y``, with the sign of ``y``"""
    return act.floor_mod(call.graph, call.tensor("x"), call.tensor("y"))


@lower(*_LOGICAL)
def logical(call: Call) -> Tensor:
    """Logic on truth values."""
    x, y = (call.graph.cast(call.tensor(name), np.bool_) for name in ("x", "y"))
    return call.graph.node(_LOGICAL[call.operation.op_type], x, y)


@lower("logical_not")
def logical_not(call: Call) -> Tensor:
    """``not x``"""
    return call.graph.node("Not", call.graph.cast(call.tensor("x"), np.bool_))


@lower(*_UNARY)
def unary(call: Call) -> Tensor:
    """Functions that ONNX has under nearly the same name."""
    return call.graph.node(_UNARY[call.operation.op_type], call.tensor("x"))


@lower(*_EXACT_UNARY, exact=True)
def exact_unary(call: Call) -> Tensor:
    """Functions whose result is as representable as their argument. ``round`` rounds halves to even."""
    x = call.tensor("x")
    if x.dtype.kind != "f" and call.operation.op_type in ("ceil", "floor", "round"):
        return x
    return call.graph.node(_EXACT_UNARY[call.operation.op_type], x)


@lower("exp2")
def exp2(call: Call) -> Tensor:
    """``2^x``"""
    x = call.tensor("x")
    base = call.graph.constant(2, x.dtype)
    return call.graph.node("Pow", base, x)


@lower("square")
def square(call: Call) -> Tensor:
    """``x^2``"""
    x = call.tensor("x")
    return call.graph.node("Mul", x, x)


def _plus_epsilon(call: Call) -> Tensor:
    return call.graph.node("Add", call.tensor("x"), float(call.value("epsilon")))


@lower("inverse")
def inverse(call: Call) -> Tensor:
    """``1 / (x + epsilon)``"""
    return call.graph.node("Reciprocal", _plus_epsilon(call))


@lower("log")
def log(call: Call) -> Tensor:
    """``log(x + epsilon)``"""
    return call.graph.node("Log", _plus_epsilon(call))


@lower("rsqrt")
def rsqrt(call: Call) -> Tensor:
    """``1 / sqrt(x + epsilon)``"""
    return call.graph.node("Reciprocal", call.graph.node("Sqrt", _plus_epsilon(call)))


@lower("clip", exact=True)
def clip(call: Call) -> Tensor:
    """``x`` held in ``[alpha, beta]``"""
    return call.graph.node("Clip", call.tensor("x"), float(call.value("alpha")), float(call.value("beta")))


@lower("threshold", exact=True)
def threshold(call: Call) -> Tensor:
    """``max(x, alpha)``"""
    x = call.tensor("x")
    return call.graph.node("Max", x, call.graph.constant(call.value("alpha"), x.dtype))


@lower("cast")
def cast(call: Call) -> Tensor:
    """Another type. Floats become integers by dropping the fraction; the range is that of the target."""
    x, target = call.tensor("x"), call.out_dtype
    if target.kind in "iu" and target.itemsize < 4:
        # The carrier is wider than the target: go through the target itself.
        narrow = call.graph.cast(call.graph.cast(x, np.int32), target)
        return call.graph.cast(narrow, np.int32)
    return call.graph.cast(x, np.float32 if target.kind == "f" else target)


@lower("select", exact=True)
def select(call: Call) -> Tensor:
    """``a`` where ``cond``, else ``b``"""
    condition = call.graph.cast(call.tensor("cond"), np.bool_)
    return call.graph.node("Where", condition, call.tensor("a"), call.tensor("b"))


@lower("identity", exact=True)
def identity(call: Call) -> Tensor:
    """The value itself."""
    return call.tensor("x")
