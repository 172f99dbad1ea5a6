"""Operations on windows, parts and places of tensors, and how cases of them are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.formats.coreai.pairs import Drawn, Pair, Random, a_shape, an_axis, unsigned, whole


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
    parts = [ops.constant(unsigned(each)) for each in (strides, (0, 0), (1, 1), (0, 0), 1)]
    return ops.conv_transpose2d(x, ops.constant(kernel), *parts)


def _window(random: Random) -> Drawn:
    return Drawn((_image(random, 2),), {key: random.integers(1, 4, 2).tolist() for key in ("window", "strides")})


def _core_ai_pool(ops: Any, x: Any, window: list[int], strides: list[int]) -> Any:
    from coreai._compiler.ir import RankedTensorType

    sizes = zip(x.type.shape[2:], window, strides, strict=True)
    shape = [*x.type.shape[:2], *((size - own) // step + 1 for size, own, step in sizes)]
    kind = RankedTensorType.get(shape, x.type.element_type)
    return ops.maxpool2d(kind, x, unsigned(window), unsigned(strides), unsigned((1, 1)), False)


def _core_ai_mean_pool(ops: Any, x: Any, window: list[int], strides: list[int]) -> Any:
    share = np.full((1, 1, 1, 1), 1 / np.prod(window), np.float32)
    return ops.broadcasting_mul(
        ops.sumpool2d(x, unsigned(window), unsigned(strides), ops.constant(unsigned((1, 1)))), share
    )


def _larger(random: Random) -> Drawn:
    return Drawn((_image(random, 2),), {"times": random.integers(1, 4, 2).tolist()})


def _resized(mode: str) -> Callable[..., Any]:
    def build(ops: Any, x: Any, times: list[int]) -> Any:
        from coreai._compiler.ir import Attribute

        shape = [*x.type.shape[:2], *(size * by for size, by in zip(x.type.shape[2:], times, strict=True))]
        scales = np.asarray([1, 1, *times], np.float32)
        kind = Attribute.parse(f"#coreai.interpolation_mode<{mode}>")
        return ops.interpolate(x, whole(shape), scales, np.zeros(4, np.float32), kind)

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
        lambda ops, x, sides: ops.pad(x, unsigned([0, 0, 0, 0, *sides]), np.float32(0.5), theirs),
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
    drawn = an_axis(random)
    (x,), axis = drawn.arrays, drawn.told["axis"]
    return Drawn((x,), {"axis": axis, "indices": random.integers(0, x.shape[axis], x.shape).astype(np.int32)})


def _picking(random: Random) -> Drawn:
    x = random.normal(size=(4, 5, 3)).astype(np.float32)
    return Drawn((x,), {"indices": np.stack([random.integers(0, n, 6) for n in (4, 5)], -1).astype(np.int32)})


def _permutation(random: Random) -> Drawn:
    x = random.normal(size=a_shape(random, 4)).astype(np.float32)
    return Drawn((x,), {"order": random.permutation(4).tolist()})


def _repeats(random: Random) -> Drawn:
    x = random.normal(size=a_shape(random, 3)).astype(np.float32)
    return Drawn((x,), {"times": random.integers(1, 4, 3).tolist()})


WINDOWS: tuple[Pair, ...] = (
    Pair(
        "conv",
        lambda mb, x, kernel, strides, dilations, groups: mb.conv(
            x=x, weight=kernel, strides=strides, dilations=dilations, groups=groups, pad_type="valid"
        ),
        lambda ops, x, kernel, strides, dilations, groups: ops.conv2d(
            x, ops.constant(kernel), unsigned(strides), unsigned(dilations), unsigned(groups)
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
        lambda ops, x, begin, end, steps: ops.slice_(x, whole(begin), whole(end), whole(steps)),
        _slices,
    ),
    Pair("matmul", lambda mb, x, y: mb.matmul(x=x, y=y), lambda ops, x, y: ops.batch_matmul(x, y), _matrices),
    Pair(
        "gather_along_axis",
        lambda mb, x, axis, indices: mb.gather_along_axis(x=x, indices=indices, axis=axis),
        lambda ops, x, axis, indices: ops.gather_along_axis(x, ops.constant(indices), ops.constant(whole(axis))),
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
        lambda ops, x, order: ops.transpose(x, unsigned(order)),
        _permutation,
    ),
    Pair(
        "reverse",
        lambda mb, x, axis: mb.reverse(x=x, axes=[axis]),
        lambda ops, x, axis: ops.reverse(x, whole([axis])),
        an_axis,
    ),
    Pair(
        "tile",
        lambda mb, x, times: mb.tile(x=x, reps=times),
        lambda ops, x, times: ops.tile(x, unsigned(times)),
        _repeats,
    ),
)
