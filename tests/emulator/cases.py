"""One line per behaviour: an operation of an ML program, its inputs, and its result by an independent definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.emulator import reference as ref
from tests.emulator.mil import mb


@dataclass(frozen=True)
class Case:
    """``build(*vars)`` makes the operation, ``expected(*arrays)`` its result (one array, or several)."""

    name: str
    build: Callable[..., Any]
    expected: Callable[..., Any]
    inputs: tuple[np.ndarray, ...] = field(repr=False, default=())
    target: str = "iOS16"
    half: bool = True


def _noise(*shape: int, seed: int = 0, low: float = -2, high: float = 2) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


X = _noise(1, 4, 7, 6)
ROW = _noise(2, 5, seed=1)
POSITIVE = _noise(2, 3, 4, 5, seed=2, low=0.1, high=3)
UNIT = _noise(2, 3, 4, 5, seed=3, low=-0.9, high=0.9)
W = _noise(6, 4, 3, 3, seed=4) / 4
WT = _noise(4, 3, 4, 3, seed=5) / 4
C4 = _noise(4, seed=6, low=0.2, high=1.5)
D4 = _noise(4, seed=7)


def _unary(name: str, expected: Callable[..., Any], x: np.ndarray = X, **arguments: Any) -> Case:
    return Case(name, lambda v: getattr(mb, name)(x=v, **arguments), expected, (x,))


def _binary(name: str, expected: Callable[..., Any], y: np.ndarray | None = None, half: bool = True) -> Case:
    other = _noise(4, 1, 6, seed=8, low=0.5, high=2) if y is None else y
    build = lambda a, b: mb.cast(x=getattr(mb, name)(x=a, y=b), dtype="fp32")  # noqa: E731
    return Case(name, build, expected, (X, other), half=half)


def _erf(x: np.ndarray) -> np.ndarray:
    return np.vectorize(math.erf)(x)


_f = np.float32
ACTIVATIONS = [
    _unary("relu", lambda x: np.maximum(x, 0)),
    _unary("relu6", lambda x: np.clip(x, 0, 6), 5 * X),
    _unary("leaky_relu", lambda x: np.where(x < 0, 0.3 * x, x), alpha=_f(0.3)),
    _unary("clamped_relu", lambda x: np.minimum(np.where(x < 0, 0.3 * x, x), 1), alpha=_f(0.3), beta=_f(1)),
    _unary("elu", lambda x: np.where(x < 0, 0.7 * np.expm1(x), x), alpha=_f(0.7)),
    _unary("linear_activation", lambda x: 2 * x + 3, alpha=_f(2), beta=_f(3)),
    _unary("prelu", lambda x: np.where(x < 0, x * C4.reshape(4, 1, 1), x), alpha=C4),
    _unary("scaled_tanh", lambda x: 2 * np.tanh(x / 2), alpha=_f(2), beta=_f(0.5)),
    _unary("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    _unary("sigmoid_hard", lambda x: np.clip(0.2 * x + 0.5, 0, 1), 3 * X, alpha=_f(0.2), beta=_f(0.5)),
    _unary("silu", lambda x: x / (1 + np.exp(-x))),
    _unary("softplus", lambda x: np.log1p(np.exp(x))),
    _unary(
        "softplus_parametric",
        lambda x: C4.reshape(4, 1, 1) * np.log1p(np.exp(x * D4.reshape(4, 1, 1))), alpha=C4, beta=D4,
    ),
    _unary("softsign", lambda x: x / (1 + np.abs(x))),
    _unary("thresholded_relu", lambda x: np.where(x >= 0.5, x, 0), np.round(X * 2) / 2, alpha=_f(0.5)),
    _unary("gelu", lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2, mode="EXACT"),
    _unary(
        "gelu", lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        mode="TANH_APPROXIMATION",
    ),
    _unary("gelu", lambda x: x / (1 + np.exp(-1.702 * x)), mode="SIGMOID_APPROXIMATION"),
    _unary("softmax", lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True), axis=1),
]  # fmt: skip

ELEMENTWISE = [
    _binary("add", np.add), _binary("sub", np.subtract), _binary("mul", np.multiply), _binary("real_div", np.divide),
    _binary("maximum", np.maximum), _binary("minimum", np.minimum),
    _binary("floor_div", np.floor_divide), _binary("mod", np.mod, half=False),
    Case("pow", lambda a: mb.pow(x=a, y=_f(1.5)), lambda a: a**1.5, (POSITIVE,)),
    _binary("equal", np.equal, np.round(X[0])), _binary("not_equal", np.not_equal, X[0]),
    _binary("greater", np.greater), _binary("greater_equal", np.greater_equal, X[0]),
    _binary("less", np.less), _binary("less_equal", np.less_equal, X[0]),
    Case(
        "logical",
        lambda a: mb.cast(x=mb.logical_not(x=mb.logical_xor(x=mb.greater(x=a, y=_f(0)),
                                                           y=mb.less(x=a, y=_f(1)))), dtype="fp32"),
        lambda a: ~((a > 0) ^ (a < 1)), (X,),
    ),
    _unary("abs", np.abs), _unary("ceil", np.ceil), _unary("floor", np.floor), _unary("sign", np.sign),
    _unary("round", np.rint, np.round(X * 2) / 2),
    _unary("exp", np.exp), _unary("exp2", np.exp2), _unary("square", np.square), _unary("sqrt", np.sqrt, POSITIVE),
    _unary("sin", np.sin), _unary("cos", np.cos), _unary("tan", np.tan, UNIT), _unary("sinh", np.sinh),
    _unary("cosh", np.cosh), _unary("tanh", np.tanh), _unary("asin", np.arcsin, UNIT), _unary("acos", np.arccos, UNIT),
    _unary("atan", np.arctan), _unary("atanh", np.arctanh, UNIT), _unary("erf", _erf),
    _unary("log", lambda x: np.log(x + 0.5), POSITIVE, epsilon=_f(0.5)),
    _unary("rsqrt", lambda x: 1 / np.sqrt(x + 0.5), POSITIVE, epsilon=_f(0.5)),
    _unary("inverse", lambda x: 1 / (x + 0.5), POSITIVE, epsilon=_f(0.5)),
    _unary("clip", lambda x: np.clip(x, -0.5, 0.75), alpha=_f(-0.5), beta=_f(0.75)),
    _unary("threshold", lambda x: np.maximum(x, 0.25), alpha=_f(0.25)),
    Case("cast to int drops the fraction",
         lambda a: mb.cast(x=mb.cast(x=a, dtype="int32"), dtype="fp32"), np.trunc, (3 * X,)),
    Case("select", lambda a: mb.select(cond=mb.greater(x=a, y=_f(0)), a=a, b=mb.mul(x=a, y=_f(3))),
         lambda a: np.where(a > 0, a, 3 * a), (X,)),
]  # fmt: skip


def _conv(
    name: str, pads: Any, strides: tuple[int, int] = (1, 1), dilations: tuple[int, int] = (1, 1), **a: Any
) -> Case:
    return Case(
        f"conv {name}",
        lambda x: mb.conv(x=x, weight=W, bias=W[:, 0, 0, 0], strides=strides, dilations=dilations, **a),
        lambda x: ref.conv2d(x, W, W[:, 0, 0, 0], strides, pads, dilations), (X,),
    )  # fmt: skip


def _transposed(name: str, begin: Any, out: Any, strides: Any, **arguments: Any) -> Case:
    return Case(
        f"conv_transpose {name}",
        lambda x: mb.conv_transpose(x=x, weight=WT, strides=strides, **arguments),
        lambda x: ref.conv_transpose2d(x, WT, strides, begin, out), (X,),
    )  # fmt: skip


_S2 = ref.same_pads((7, 6), (3, 3), (2, 2))
_S2_LOWER = ref.same_pads((7, 6), (3, 3), (2, 2), lower=True)
_DILATED = ref.same_pads((7, 6), (5, 5), (1, 1))
_DEPTHWISE = _noise(4, 1, 3, 3, seed=9)
CONVOLUTIONS = [
    _conv("valid", ((0, 0), (0, 0)), pad_type="valid"),
    _conv("same, stride 2", _S2, (2, 2), pad_type="same"),
    _conv("same_lower, stride 2", _S2_LOWER, (2, 2), pad_type="same_lower"),
    _conv("same, dilated", _DILATED, (1, 1), (2, 2), pad_type="same"),
    _conv("custom", ((2, 1), (0, 3)), (2, 1), pad_type="custom", pad=[2, 1, 0, 3]),
    Case("conv depthwise", lambda x: mb.conv(x=x, weight=_DEPTHWISE, groups=4, pad_type="valid"),
         lambda x: ref.conv2d(x, _DEPTHWISE, groups=4), (X,)),
    Case("conv 1-D", lambda x: mb.conv(x=x, weight=W[:, :, 0], pad_type="same"),
         lambda x: ref.conv2d(x[:, :, None], W[:, :, :1], 0, (1, 1), ((0, 0), (1, 1)))[:, :, 0], (X[:, :, 0],)),
    _transposed("valid", (0, 0), (16, 13), (2, 2), pad_type="valid"),
    _transposed("same", (1, 0), (14, 12), (2, 2), pad_type="same"),
    _transposed("same, stride over kernel", (0, 0), (35, 24), (5, 4), pad_type="same"),
    _transposed("custom", (1, 1), (13, 11), (2, 2), pad_type="custom", pad=[1, 2, 1, 1]),
    _transposed("output shape", (1, 0), (13, 12), (2, 2), pad_type="same", output_shape=[1, 3, 13, 12]),
]  # fmt: skip


def _mean(counted: bool) -> Callable[[np.ndarray, int], float]:
    return lambda window, inside: float(window.sum() / (window.size if counted else inside))


def _pool(name: str, counts: Any, pads: Any, reduce: Any, fill: float = 0.0, **arguments: Any) -> Case:
    kind = name.split()[0]
    return Case(
        name, lambda x: getattr(mb, kind)(x=x, kernel_sizes=[3, 2], strides=[2, 2], **arguments),
        lambda x: ref.pool2d(x, (3, 2), (2, 2), pads, reduce, counts, fill), (X[..., :5],),
    )  # fmt: skip


_P = ref.same_pads((7, 5), (3, 2), (2, 2))
_NONE, _ONE = ((0, 0), (0, 0)), ((1, 1), (1, 1))
_MAX: Callable[..., float] = lambda window, _: float(window.max())  # noqa: E731
_L2: Callable[..., float] = lambda window, _: float(np.sqrt((window**2).sum()))  # noqa: E731
POOLS = [
    _pool("max_pool valid", (3, 2), _NONE, _MAX, pad_type="valid"),
    _pool("max_pool same", (4, 3), _P, _MAX, -np.inf, pad_type="same"),
    _pool("max_pool ceil", (3, 3), _NONE, _MAX, pad_type="valid", ceil_mode=True),
    _pool("avg_pool same", (4, 3), _P, _mean(True), pad_type="same"),
    _pool("avg_pool same, excluding", (4, 3), _P, _mean(False), pad_type="same", exclude_padding_from_average=True),
    _pool("avg_pool ceil", (3, 3), _NONE, _mean(True), pad_type="valid", ceil_mode=True),
    _pool("avg_pool custom", (4, 3), _ONE, _mean(True), pad_type="custom", pad=[1, 1, 1, 1]),
    _pool("avg_pool custom, excluding", (4, 3), _ONE, _mean(False), pad_type="custom", pad=[1, 1, 1, 1],
          exclude_padding_from_average=True),
    _pool("l2_pool valid", (3, 2), _NONE, _L2, pad_type="valid"),
]  # fmt: skip

_G, _B = C4.reshape(4, 1, 1), D4.reshape(4, 1, 1)
NORMALIZATIONS = [
    _unary("instance_norm", lambda x: ref.standardize(x, (2, 3), 1e-2) * _G + _B, gamma=C4, beta=D4, epsilon=_f(1e-2)),
    Case("instance_norm of large values", lambda x: mb.instance_norm(x=x, epsilon=_f(1e-5)),
         lambda x: ref.standardize(x, (2, 3), 1e-5), (X * 1000,)),
    _unary("batch_norm", lambda x: (x - _B) / np.sqrt(_G + 1e-3) * _G + _B,
           mean=D4, variance=C4, gamma=C4, beta=D4, epsilon=_f(1e-3)),
    _unary("layer_norm", lambda x: ref.standardize(x, (1,), 1e-3) * _G + _B,
           axes=[1], gamma=C4, beta=D4, epsilon=_f(1e-3)),
    _unary("l2_norm", lambda x: x / np.sqrt((x**2).sum((1, 2, 3), keepdims=True) + 1e-3), epsilon=_f(1e-3)),
]  # fmt: skip


def _depth_to_space(x: np.ndarray) -> np.ndarray:
    n, c, h, w = x.shape
    return x.reshape(n, 2, 2, c // 4, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n, c // 4, h * 2, w * 2)


def _pixel_shuffle(x: np.ndarray) -> np.ndarray:
    n, c, h, w = x.shape
    return x.reshape(n, c // 4, 2, 2, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // 4, h * 2, w * 2)


_X8, _SPREAD = _noise(1, 8, 3, 2), _noise(1, 2, 6, 4)
MOVES = [
    Case("reshape", lambda x: mb.reshape(x=x, shape=[0, -1, 3]), lambda x: x.reshape(1, 56, 3), (X.reshape(1, 84, 2),)),
    Case("transpose", lambda x: mb.transpose(x=x, perm=[0, -1, 1, 2]), lambda x: x.transpose(0, 3, 1, 2), (X,)),
    Case("expand_dims", lambda x: mb.expand_dims(x=x, axes=[0, -1]), lambda x: x[None, ..., None], (ROW,)),
    Case("squeeze", lambda x: mb.squeeze(x=x, axes=[0]), lambda x: x[0], (X,)),
    Case("concat", lambda x, y: mb.concat(values=[x, y], axis=-1),
         lambda x, y: np.concatenate([x, y], -1), (X, X[..., :2])),
    Case("concat, interleaved", lambda x, y: mb.concat(values=[x, y], axis=0, interleave=True),
         lambda x, y: np.stack([x, y], 1).reshape(4, 5), (ROW, 2 * ROW)),
    Case("stack", lambda x, y: mb.stack(values=[x, y], axis=1), lambda x, y: np.stack([x, y], 1), (ROW, 2 * ROW)),
    Case("split", lambda x: mb.split(x=x, split_sizes=[1, 4], axis=1), lambda x: (x[:, :1], x[:, 1:]), (ROW,)),
    Case("split, evenly", lambda x: mb.split(x=x, num_splits=2, axis=1), lambda x: (x[:, :2], x[:, 2:]), (X,)),
    Case("pad, constant", lambda x: mb.pad(x=x, pad=[1, 2, 0, 3], mode="constant", constant_val=_f(1.5)),
         lambda x: np.pad(x, [(0, 0), (0, 0), (1, 2), (0, 3)], constant_values=1.5), (X,)),
    Case("pad, reflect", lambda x: mb.pad(x=x, pad=[1, 2, 0, 3], mode="reflect"),
         lambda x: np.pad(x, [(0, 0), (0, 0), (1, 2), (0, 3)], mode="reflect"), (X,)),
    Case("pad, replicate", lambda x: mb.pad(x=x, pad=[1, 2, 0, 3], mode="replicate"),
         lambda x: np.pad(x, [(0, 0), (0, 0), (1, 2), (0, 3)], mode="edge"), (X,)),
    Case("tile", lambda x: mb.tile(x=x, reps=[2, 3]), lambda x: np.tile(x, (2, 3)), (ROW,)),
    Case("reverse", lambda x: mb.reverse(x=x, axes=[1]), lambda x: x[:, ::-1], (ROW,)),
    Case("slice_by_index",
         lambda x: mb.slice_by_index(x=x, begin=[0, -1, 5, 1], end=[1, 9, 0, 9], stride=[1, 1, -2, 2],
                                     squeeze_mask=[False, True, False, False], end_mask=[False, False, True, True]),
         lambda x: x[0:1, -1, 5::-2, 1::2], (X,)),
    Case("slice_by_size", lambda x: mb.slice_by_size(x=x, begin=[0, 1], size=[2, -1]), lambda x: x[:, 1:], (ROW,)),
    Case("depth_to_space", lambda x: mb.depth_to_space(x=x, block_size=2), _depth_to_space, (_X8,)),
    Case("space_to_depth", lambda x: mb.depth_to_space(x=mb.space_to_depth(x=x, block_size=2), block_size=2),
         lambda x: x, (_SPREAD,)),
    Case("pixel_shuffle", lambda x: mb.pixel_shuffle(x=x, upscale_factor=2), _pixel_shuffle, (_X8,)),
    Case("pixel_unshuffle", lambda x: mb.pixel_shuffle(x=mb.pixel_unshuffle(x=x, downscale_factor=np.uint32(2)),
         upscale_factor=2), lambda x: x, (_SPREAD,)),
    Case("space_to_batch", lambda x: mb.space_to_batch(x=x, block_shape=[2, 2], paddings=[[0, 0], [1, 1]]),
         lambda x: np.concatenate([np.pad(x, [(0, 0), (0, 0), (0, 0), (1, 1)])[..., i::2, j::2]
                                   for i in (0, 1) for j in (0, 1)]), (_SPREAD,)),
    Case("batch_to_space", lambda x: mb.batch_to_space(
        x=mb.space_to_batch(x=x, block_shape=[2, 2], paddings=[[0, 0], [1, 1]]),
        block_shape=[2, 2], crops=[[0, 0], [1, 1]]), lambda x: x, (_SPREAD,)),
    Case("sliding_windows", lambda x: mb.sliding_windows(x=x, axis=1, size=3, stride=2),
         lambda x: np.stack([x[:, 0:3], x[:, 2:5]], 1), (ROW,)),
    Case("gather", lambda x: mb.gather(x=x, indices=[3, -1, 0], axis=1), lambda x: x[:, [3, -1, 0]], (ROW,)),
    Case("gather_along_axis", lambda x: mb.gather_along_axis(x=x, indices=[[3, 0], [1, 1]], axis=1),
         lambda x: np.take_along_axis(x, np.array([[3, 0], [1, 1]]), 1), (ROW,)),
    Case("gather_nd", lambda x: mb.gather_nd(x=x, indices=[[1, 2], [0, 4]]), lambda x: x[[1, 0], [2, 4]], (ROW,)),
    Case("fill_like", lambda x: mb.add(x=x, y=mb.fill_like(ref_tensor=x, value=_f(2.5))), lambda x: x + 2.5, (ROW,)),
    Case("fill of a shape", lambda x: mb.add(x=x, y=mb.fill(shape=mb.shape(x=x), value=_f(2.5))),
         lambda x: x + 2.5, (ROW,)),
    Case("range_1d", lambda x: mb.range_1d(start=_f(0), end=mb.reduce_max(x=mb.ceil(x=x)), step=_f(0.5)),
         lambda x: np.arange(0, np.ceil(x).max(), 0.5), (ROW,)),
    Case("reshape_like", lambda x, y: mb.reshape_like(x=x, ref_tensors=(y, y), begins=(1, 0), ends=(2, 1),
         end_masks=(False, False)), lambda x, y: x.reshape(5, 2), (ROW, ROW)),
    Case("flatten2d", lambda x: mb.flatten2d(x=x, axis=2), lambda x: x.reshape(4, 42), (X,)),
    Case("reverse_sequence", lambda x: mb.reverse_sequence(x=x, lengths=[2, 4], seq_axis=1, batch_axis=0),
         lambda x: np.stack([x[0][[1, 0, 2, 3, 4]], x[1][[3, 2, 1, 0, 4]]]), (ROW,)),
    Case("one_hot", lambda x: mb.one_hot(indices=mb.cast(x=mb.abs(x=x), dtype="int32"), one_hot_vector_size=3,
         on_value=_f(2), off_value=_f(-1)), lambda x: np.where(np.eye(3)[np.abs(x).astype(int)] > 0, 2, -1), (ROW,)),
    Case("non_zero", lambda x: mb.non_zero(x=mb.relu(x=x)), lambda x: np.argwhere(x > 0), (ROW,)),
    Case("logical, both", lambda x: mb.select(cond=mb.logical_or(x=mb.less(x=x, y=_f(-1)), y=mb.logical_and(
         x=mb.greater(x=x, y=_f(0)), y=mb.less(x=x, y=_f(1)))), a=x, b=_f(9)),
         lambda x: np.where((x < -1) | ((x > 0) & (x < 1)), x, 9), (ROW,)),
    Case("local_response_norm", lambda x: mb.local_response_norm(x=x, size=3, alpha=_f(0.3), beta=_f(0.75), k=_f(2)),
         lambda x: x / (2 + 0.1 * sum(np.pad(x**2, [(0, 0), (1, 1), (0, 0), (0, 0)])[:, i : i + 4]
                                      for i in range(3))) ** 0.75,
         (X,)),
    Case("band_part", lambda x: mb.band_part(x=x, lower=0, upper=1), lambda x: np.triu(x) - np.triu(x, 2), (ROW,)),
]  # fmt: skip


CASES = [
    *ACTIVATIONS, *ELEMENTWISE, *CONVOLUTIONS, *POOLS, *NORMALIZATIONS, *MOVES,
]  # fmt: skip
