"""Operations that Core ML and Core AI both have with one meaning: a pair of builders each, and random cases.

``python -m tests.formats.coreai.operations FILE`` runs the cases with Apple's library and writes the results to FILE.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

CASES = 4
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


def _whole(values: Any, dtype: Any = np.int32) -> np.ndarray:
    return np.asarray(values, dtype)


def _unsigned(values: Any) -> np.ndarray:
    return _whole(values, np.uint32)


def _shape(random: Random, rank: int) -> tuple[int, ...]:
    return tuple(int(n) for n in random.integers(1, 6, rank))


def _any(low: float = -3.0, high: float = 3.0) -> Callable[[Random], Drawn]:
    def draw(random: Random) -> Drawn:
        shape = _shape(random, int(random.integers(1, 5)))
        return Drawn((random.uniform(low, high, shape).astype(np.float32),))

    return draw


def _axis(random: Random) -> Drawn:
    x = random.normal(size=_shape(random, int(random.integers(2, 5)))).astype(np.float32)
    return Drawn((x,), {"axis": int(random.integers(0, x.ndim))})


def _two(low: float, high: float) -> Callable[[Random], Drawn]:
    """Two tensors, the second of which has axes of one."""

    def draw(random: Random) -> Drawn:
        shape = _shape(random, 3)
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
        lambda ops, x, axis: getattr(ops, _REDUCTIONS[name])(x, _whole([axis])),
        _axis,
    )


def _image(random: Random, channels: int) -> np.ndarray:
    height, width = random.integers(6, 12, 2)
    made: np.ndarray = random.normal(size=(1, channels, height, width)).astype(np.float32)
    return made


def _convolution(random: Random) -> Drawn:
    groups = int(random.integers(1, 3))
    kernel = random.normal(size=(2 * groups, 2, *random.integers(1, 4, 2))).astype(np.float32)
    told = {"strides": random.integers(1, 3, 2).tolist(), "dilations": random.integers(1, 3, 2).tolist()}
    return Drawn((_image(random, 2 * groups),), {"kernel": kernel, "groups": groups, **told})


def _deconvolution(random: Random) -> Drawn:
    kernel = random.normal(size=(2, 3, *random.integers(1, 4, 2))).astype(np.float32)
    return Drawn((_image(random, 2),), {"kernel": kernel, "strides": random.integers(1, 3, 2).tolist()})


def _core_ai_deconvolution(ops: Any, x: Any, kernel: np.ndarray, strides: list[int]) -> Any:
    parts = [ops.constant(_unsigned(each)) for each in (strides, (0, 0), (1, 1), (0, 0), 1)]
    return ops.conv_transpose2d(x, ops.constant(kernel), *parts)


def _window(random: Random) -> Drawn:
    return Drawn((_image(random, 2),), {key: random.integers(1, 4, 2).tolist() for key in ("window", "strides")})


def _core_ai_pool(ops: Any, x: Any, window: list[int], strides: list[int]) -> Any:
    from coreai._compiler.ir import RankedTensorType

    sizes = zip(x.type.shape[2:], window, strides, strict=True)
    shape = [*x.type.shape[:2], *((size - own) // step + 1 for size, own, step in sizes)]
    kind = RankedTensorType.get(shape, x.type.element_type)
    return ops.maxpool2d(kind, x, _unsigned(window), _unsigned(strides), _unsigned((1, 1)), False)


def _core_ai_mean_pool(ops: Any, x: Any, window: list[int], strides: list[int]) -> Any:
    share = np.full((1, 1, 1, 1), 1 / np.prod(window), np.float32)
    return ops.broadcasting_mul(
        ops.sumpool2d(x, _unsigned(window), _unsigned(strides), ops.constant(_unsigned((1, 1)))), share
    )


def _larger(random: Random) -> Drawn:
    return Drawn((_image(random, 2),), {"times": random.integers(1, 4, 2).tolist()})


def _resized(mode: str) -> Callable[..., Any]:
    def build(ops: Any, x: Any, times: list[int]) -> Any:
        from coreai._compiler.ir import Attribute

        shape = [*x.type.shape[:2], *(size * by for size, by in zip(x.type.shape[2:], times, strict=True))]
        scales = np.asarray([1, 1, *times], np.float32)
        kind = Attribute.parse(f"#coreai.interpolation_mode<{mode}>")
        return ops.interpolate(x, _whole(shape), scales, np.zeros(4, np.float32), kind)

    return build


def _linear(mb: Any, x: Any, times: list[int]) -> Any:
    sizes = {
        f"target_size_{side}": size * by for side, size, by in zip(("height", "width"), x.shape[2:], times, strict=True)
    }
    return mb.resize_bilinear(x=x, sampling_mode="UNALIGN_CORNERS", **sizes)


def _padding(random: Random) -> Drawn:
    return Drawn((_image(random, 2),), {"sides": random.integers(0, 4, 4).tolist()})


def _pad(mode: str, theirs: str) -> Pair:
    return Pair(
        f"pad, {mode}",
        lambda mb, x, sides: mb.pad(x=x, pad=sides, mode=mode, constant_val=0.5),
        lambda ops, x, sides: ops.pad(x, _unsigned([0, 0, 0, 0, *sides]), np.float32(0.5), theirs),
        _padding,
    )


def _slices(random: Random) -> Drawn:
    x = random.normal(size=(5, 6, 7)).astype(np.float32)
    begin = random.integers(0, 3, 3).tolist()
    end = [int(random.integers(start + 1, length + 1)) for start, length in zip(begin, x.shape, strict=True)]
    return Drawn((x,), {"begin": begin, "end": end, "steps": random.integers(1, 3, 3).tolist()})


def _matrices(random: Random) -> Drawn:
    batch, rows, inner, columns = random.integers(1, 5, 4)
    shapes = ((batch, rows, inner), (batch, inner, columns))
    return Drawn(tuple(random.normal(size=shape).astype(np.float32) for shape in shapes))


def _gathering(random: Random) -> Drawn:
    drawn = _axis(random)
    (x,), axis = drawn.arrays, drawn.told["axis"]
    return Drawn((x,), {"axis": axis, "indices": random.integers(0, x.shape[axis], x.shape).astype(np.int32)})


def _picking(random: Random) -> Drawn:
    x = random.normal(size=(4, 5, 3)).astype(np.float32)
    return Drawn((x,), {"indices": np.stack([random.integers(0, n, 6) for n in (4, 5)], -1).astype(np.int32)})


def _permutation(random: Random) -> Drawn:
    x = random.normal(size=_shape(random, 4)).astype(np.float32)
    return Drawn((x,), {"order": random.permutation(4).tolist()})


def _repeats(random: Random) -> Drawn:
    x = random.normal(size=_shape(random, 3)).astype(np.float32)
    return Drawn((x,), {"times": random.integers(1, 4, 3).tolist()})


def _index_of_largest(ops: Any, x: Any, axis: int) -> Any:
    return ops.cast(ops.argmax(x, _whole(axis)), np.float32)


PAIRS: tuple[Pair, ...] = (
    *map(_unary, _UNARY),
    Pair("gelu", lambda mb, x: mb.gelu(x=x, mode="EXACT"), lambda ops, x: ops.gelu(x), _any()),
    *map(_binary, _BINARY),
    *map(_reduction, _REDUCTIONS),
    Pair(
        "softmax",
        lambda mb, x, axis: mb.softmax(x=x, axis=axis),
        lambda ops, x, axis: ops.softmax(x, _whole(axis)),
        _axis,
    ),
    Pair(
        "reduce_argmax",
        lambda mb, x, axis: mb.cast(x=mb.reduce_argmax(x=x, axis=axis, keep_dims=True), dtype="fp32"),
        _index_of_largest,
        _axis,
    ),
    Pair(
        "conv",
        lambda mb, x, kernel, strides, dilations, groups: mb.conv(
            x=x, weight=kernel, strides=strides, dilations=dilations, groups=groups, pad_type="valid"
        ),
        lambda ops, x, kernel, strides, dilations, groups: ops.conv2d(
            x, ops.constant(kernel), _unsigned(strides), _unsigned(dilations), _unsigned(groups)
        ),
        _convolution,
    ),
    Pair(
        "conv_transpose",
        lambda mb, x, kernel, strides: mb.conv_transpose(x=x, weight=kernel, strides=strides, pad_type="valid"),
        _core_ai_deconvolution,
        _deconvolution,
    ),
    Pair(
        "max_pool",
        lambda mb, x, window, strides: mb.max_pool(x=x, kernel_sizes=window, strides=strides, pad_type="valid"),
        _core_ai_pool,
        _window,
    ),
    Pair(
        "avg_pool",
        lambda mb, x, window, strides: mb.avg_pool(x=x, kernel_sizes=window, strides=strides, pad_type="valid"),
        _core_ai_mean_pool,
        _window,
    ),
    Pair("resize_bilinear", _linear, _resized("linear"), _larger),
    Pair(
        "upsample_nearest_neighbor",
        lambda mb, x, times: mb.upsample_nearest_neighbor(
            x=x, scale_factor_height=times[0], scale_factor_width=times[1]
        ),
        _resized("nearest_neighbor"),
        _larger,
    ),
    _pad("constant", "constant"),
    _pad("reflect", "reflect"),
    _pad("replicate", "replicate"),
    Pair(
        "slice_by_index",
        lambda mb, x, begin, end, steps: mb.slice_by_index(x=x, begin=begin, end=end, stride=steps),
        lambda ops, x, begin, end, steps: ops.slice_(x, _whole(begin), _whole(end), _whole(steps)),
        _slices,
    ),
    Pair("matmul", lambda mb, x, y: mb.matmul(x=x, y=y), lambda ops, x, y: ops.batch_matmul(x, y), _matrices),
    Pair(
        "gather_along_axis",
        lambda mb, x, axis, indices: mb.gather_along_axis(x=x, indices=indices, axis=axis),
        lambda ops, x, axis, indices: ops.gather_along_axis(x, ops.constant(indices), ops.constant(_whole(axis))),
        _gathering,
    ),
    Pair(
        "gather_nd",
        lambda mb, x, indices: mb.gather_nd(x=x, indices=indices),
        lambda ops, x, indices: ops.gather_nd(x, indices),
        _picking,
    ),
    Pair(
        "transpose",
        lambda mb, x, order: mb.transpose(x=x, perm=order),
        lambda ops, x, order: ops.transpose(x, _unsigned(order)),
        _permutation,
    ),
    Pair(
        "reverse",
        lambda mb, x, axis: mb.reverse(x=x, axes=[axis]),
        lambda ops, x, axis: ops.reverse(x, _whole([axis])),
        _axis,
    ),
    Pair(
        "tile",
        lambda mb, x, times: mb.tile(x=x, reps=times),
        lambda ops, x, times: ops.tile(x, _unsigned(times)),
        _repeats,
    ),
)


def drawn() -> Iterator[tuple[str, Pair, Drawn]]:
    """Every case: its name, its operation and what is drawn for it; the same every time."""
    for number, pair in enumerate(PAIRS):
        random = np.random.default_rng(number)
        for index in range(CASES):
            yield f"y{number}_{index}", pair, pair.draw(random)


def inputs() -> dict[str, np.ndarray]:
    """All arrays that go in, by name."""
    return {f"{name}_x{place}": array for name, _, case in drawn() for place, array in enumerate(case.arrays)}


def _written(path: Path) -> None:
    from coreai._compiler.context import Context
    from coreai._compiler.dialects import coreai as ops
    from coreai._compiler.ir import InsertionPoint, Location, Module
    from coreai.authoring import AIProgram, TensorSpec
    from coreai.authoring.graph_builder import GraphOp

    given = inputs()
    with Context()._mlir_context, Location.unknown():
        module = Module.create()
        with InsertionPoint(module.body):
            types = [TensorSpec(array.shape, np.float32)._to_mlir_type() for array in given.values()]
            graph = GraphOp("main", types, [], list(given), [])
            values = dict(zip(given, graph.arguments, strict=True))
            with graph.block:
                made = {
                    name: pair.core_ai(
                        ops, *(values[f"{name}_x{place}"] for place in range(len(case.arrays))), **case.told
                    )
                    for name, pair, case in drawn()
                }
                ops.output(list(made.values()))
            graph.outputs_spec = list(made.items())
        AIProgram._from_mlir_module(module).save_asset(path)


async def _results(path: Path) -> dict[str, np.ndarray]:
    from coreai.authoring import AIModelAsset
    from coreai.runtime import NDArray

    async with AIModelAsset.load(path).executable() as model:
        made = await model.load_function("main")({name: NDArray(array) for name, array in inputs().items()})
        return {name: np.array(array.numpy()) for name, array in made.items()}


def main(file: str) -> None:
    """Run all cases with Apple's library."""
    import coreai.authoring  # noqa: F401  before any other part of it

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "operations.aimodel"
        _written(path)
        np.savez(file, **asyncio.run(_results(path)))


if __name__ == "__main__":
    main(sys.argv[1])
