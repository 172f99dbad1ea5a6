"""Convolutions: full, grouped, depthwise, separable and transposed, over images and along time.

Those along time are those over images of one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from export_pipeline.formats.coreai import images
from export_pipeline.formats.coreai.layers.activations import activated, known
from export_pipeline.formats.coreai.registry import Call, layer
from export_pipeline.formats.coreai.storage import met

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program
    from export_pipeline.formats.coreai.tensor import Tensor


def around(size: int, window: int, stride: int, padding: str, dilation: int = 1) -> tuple[int, int]:
    """What TensorFlow puts before and after an axis of *size*."""
    span = (window - 1) * dilation + 1
    if padding == "causal":
        return span - 1, 0
    if padding != "same":
        return 0, 0
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def pair(value: Any, rank: int) -> tuple[int, int]:
    """Two numbers, of height and width, out of a configuration's one or two; along time the height has one."""
    numbers = [value] if isinstance(value, int) else list(value)
    return (1, int(numbers[0])) if rank == 1 else (int(numbers[0]), int(numbers[-1]))


def as_image(program: Program, x: Tensor) -> tuple[Tensor, int]:
    """*x* as ``(N, H, W, C)``, and how many of its axes are of space: a series becomes an image of one row."""
    rank = len(x.held) - 2
    return (x, rank) if rank == 2 else (program.reshape(x, (x.shape[0], 1, *x.shape[1:])), rank)


def as_it_was(program: Program, x: Tensor, rank: int) -> Tensor:
    """What :func:`as_image` made, the other way."""
    return x if rank == 2 else program.reshape(x, (x.shape[0], *x.shape[2:]))


def _two_sided(kernel: np.ndarray) -> np.ndarray:
    return kernel[None] if kernel.ndim == 3 else kernel


def _depthwise_kernel(kernel: np.ndarray) -> np.ndarray:
    """``(in * multiplier, 1, H, W)`` of Keras' ``(H, W, in, multiplier)``."""
    sided = _two_sided(kernel)
    return sided.reshape((*sided.shape[:2], -1, 1)).transpose(2, 3, 0, 1)


def _convolved(program: Program, call: Call, x: Tensor, kernel: np.ndarray, groups: int) -> Tensor:
    """*x*, ``(N, H, W, C)``, by *kernel* ``(out, in, H, W)``, padded, strided and dilated as *call* says."""
    rank = 1 if "1D" in call.kind else 2
    strides, dilations = (pair(call.config[key], rank) for key in ("strides", "dilation_rate"))
    padding, height, width = call.config["padding"], *x.shape[1:3]
    windows = zip((height, width), kernel.shape[2:], strides, dilations, strict=True)
    sides = [around(size, window, stride, padding, step) for size, window, stride, step in windows]
    padded = program.pad(program.turned(x), [(0, 0), *sides, (0, 0)])
    return _conv(program, padded, kernel, strides, dilations, groups)


def _conv(
    program: Program, x: Tensor, kernel: np.ndarray, strides: Sequence[int], dilations: Sequence[int], groups: int
) -> Tensor:
    seen, held = met(program, x, kernel)
    return type(x)(images.conv(program, program.first(seen), held, strides, dilations, groups), True)


def _finished(program: Program, call: Call, x: Tensor, rank: int) -> Tensor:
    """*x* with bias and activation."""
    if call.has("bias"):
        x = program.binary("add", x, program.channels(x, call.weight("bias")))
    return activated(program, call.config.get("activation"), as_it_was(program, x, rank))


@layer("Conv1D", "Conv2D", check=known)
def _conv_layer(program: Program, call: Call, x: Tensor) -> Tensor:
    image, rank = as_image(program, program.computed(x))
    kernel = _two_sided(call.weight("kernel")).transpose(3, 2, 0, 1)
    made = _convolved(program, call, image, kernel, int(call.config.get("groups", 1)))
    return _finished(program, call, made, rank)


@layer("DepthwiseConv1D", "DepthwiseConv2D", check=known)
def _depthwise(program: Program, call: Call, x: Tensor) -> Tensor:
    image, rank = as_image(program, program.computed(x))
    kernel = _depthwise_kernel(call.weight("depthwise_kernel"))
    return _finished(program, call, _convolved(program, call, image, kernel, image.shape[-1]), rank)


@layer("SeparableConv1D", "SeparableConv2D", check=known)
def _separable(program: Program, call: Call, x: Tensor) -> Tensor:
    image, rank = as_image(program, program.computed(x))
    kernel = _depthwise_kernel(call.weight("depthwise_kernel"))
    deep = _convolved(program, call, image, kernel, image.shape[-1])
    pointwise = _two_sided(call.weight("pointwise_kernel")).transpose(3, 2, 0, 1)
    return _finished(program, call, _conv(program, deep, pointwise, (1, 1), (1, 1), 1), rank)


@layer("Conv1DTranspose", "Conv2DTranspose", check=known)
def _transposed(program: Program, call: Call, x: Tensor) -> Tensor:
    """The whole of what each input spreads to, of which TensorFlow's share is cut out."""
    image, rank = as_image(program, program.computed(x))
    kernel = _two_sided(call.weight("kernel")).transpose(3, 2, 0, 1)  # (in, out, H, W)
    strides, dilations = (pair(call.config[key], rank) for key in ("strides", "dilation_rate"))
    sizes = (1, call.shape[1]) if rank == 1 else call.shape[1:3]
    seen, held = met(program, image, kernel, outputs=1)
    value = images.deconv(program, program.first(seen), held, strides, dilations)
    made = type(x)(value, True)
    shares = zip(sizes, kernel.shape[2:], strides, dilations, strict=True)
    starts = [around(size, window, stride, call.config["padding"], step)[0] for size, window, stride, step in shares]
    ends = [start + size for start, size in zip(starts, sizes, strict=True)]
    short = [(0, max(end - own, 0)) for end, own in zip(ends, made.shape[1:3], strict=True)]
    filled = program.pad(made, [(0, 0), *short, (0, 0)])
    cut = program.cut(filled, (0, *starts, 0), (made.shape[0], *ends, made.shape[3]))
    return _finished(program, call, cut, rank)
