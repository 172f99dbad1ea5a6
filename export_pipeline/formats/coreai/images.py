"""Operations on images: convolutions, poolings over windows, other sizes. They run in the worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program
    from export_pipeline.formats.coreai.tensor import Tensor


def conv(
    program: Program, value: Any, kernel: Any, strides: Sequence[int], dilations: Sequence[int], groups: int
) -> Any:
    """A convolution of ``(N, C, H, W)`` by ``(out, in, height, width)``, without padding."""
    return program.ops.conv2d(value, kernel, program.whole(strides), program.whole(dilations), program.whole(groups))


def deconv(program: Program, value: Any, kernel: Any, strides: Sequence[int], dilations: Sequence[int]) -> Any:
    """All that a transposed convolution spreads each value of ``(N, C, H, W)`` to, by ``(in, out, H, W)``."""
    from coreai._compiler.dialects._coreai_ops_gen import ConvTranspose2dOp
    from coreai._compiler.ir import RankedTensorType

    batch, _, *sizes = value.type.shape
    _, channels, *windows = kernel.type.shape
    spans = zip(sizes, windows, strides, dilations, strict=True)
    shape = [(size - 1) * stride + (window - 1) * dilation + 1 for size, window, stride, dilation in spans]
    kind = RankedTensorType.get([batch, channels, *shape], value.type.element_type)
    none = program.whole((0, 0))
    numbers = {"stride": program.whole(strides), "padding": none, "dilation": program.whole(dilations)}
    return ConvTranspose2dOp(
        output=kind, input=value, weight=kernel, **numbers, output_pad=none, groups=program.whole(1)
    ).result


def max_pool(program: Program, tensor: Tensor, window: Sequence[int], stride: Sequence[int]) -> Tensor:
    """The largest of each window of an image, without padding."""
    from coreai._compiler.ir import RankedTensorType

    value = program.first(tensor)
    batch, channels, *sizes = value.type.shape
    shape = [(size - own) // step + 1 for size, own, step in zip(sizes, window, stride, strict=True)]
    kind = RankedTensorType.get([batch, channels, *shape], value.type.element_type)
    numbers = (program.whole(each) for each in (window, stride, (1, 1)))
    return type(tensor)(program.ops.maxpool2d(kind, value, *numbers, False), True)


def sum_pool(program: Program, tensor: Tensor, window: Sequence[int], stride: Sequence[int]) -> Tensor:
    """The sum of each window of an image, without padding."""
    numbers = (program.whole(each) for each in (window, stride, (1, 1)))
    return type(tensor)(program.ops.sumpool2d(program.first(tensor), *numbers), True)


def resize(program: Program, tensor: Tensor, size: Sequence[int], mode: str) -> Tensor:
    """An image of another *size*, ``nearest`` or ``bilinear``, pixels being squares with a centre.

    The operation takes the even one of two pixels that are equally near, and TensorFlow the later one: a quarter
    of the smallest step that there is decides for the later one.
    """
    from coreai._compiler.ir import Attribute

    if tensor.shape[1:3] == tuple(size):
        return tensor
    value = program.first(tensor)
    own, nearest = value.type.shape, mode == "nearest"
    scales = [1.0, 1.0, *(new / old for new, old in zip(size, own[2:], strict=True))]
    shifts = [
        0.0,
        0.0,
        *(-0.25 / old if nearest and new % old else 0.0 for new, old in zip(size, own[2:], strict=True)),
    ]
    kind = Attribute.parse(f"#coreai.interpolation_mode<{'nearest_neighbor' if nearest else 'linear'}>")
    shape = program.whole((*own[:2], *size), signed=True)
    floats = (program.ops.constant(np.asarray(each, np.float32)) for each in (scales, shifts))
    return type(tensor)(program.ops.interpolate(value, shape, *floats, kind), True)
