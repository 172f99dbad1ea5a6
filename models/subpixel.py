"""A fast feed-forward style transfer network: all of its work is done at a quarter of the height and width.

The pixels of each 4x4 square become channels of one point, residual blocks follow, and a sub-pixel convolution (Shi
et al., "Real-Time Single Image and Video Super-Resolution", 2016) comes back up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras as keras

from .blocks import (
    INPUT_SCALE,
    check_added,
    check_blocks,
    check_blocks_kind,
    check_margin,
    check_norm,
    conv_block,
    enter,
    leave,
    residual_block,
    scaled_filters,
    with_widths,
)
from .layers import DepthToSpace, EdgePadding, Rescaling, SpaceToDepth

FILTERS = 32
BLOCKS = 2
STRIDE = 4
# The last activation is ReLU6, which every format fuses with the convolution before it. Its six steps are 0..255.
OUTPUT_SCALE = 255 / 6
# Of the last convolution at first: outputs are then gray, and have the contrast of a photograph.
LAST_BIAS = 3.0
LAST_SCALE = 1.2


def subpixel(
    *,
    alpha: float = 1.0,
    rho: float = 1.0,
    blocks: int | None = None,
    norm: str = "instance",
    margin: int = 0,
    blocks_kind: str = "residual",
    widths: Mapping[str, int] | None = None,
    height: int | None = None,
    width: int | None = None,
    name: str = "subpixel",
) -> keras.Model:
    """The sub-pixel network: space to depth, a 1x1 convolution, two residual blocks, depth to space.

    After the first block the means over the whole image are taken, which tell the rest what image it is.

    The last convolution has a bias and no norm: a norm would force the 16 pixels of each square, which are channels
    there, to statistics of their own.

    Args:
        alpha: width multiplier; every layer has ``int(32 alpha)`` filters, at least one.
        rho: resolution multiplier in (0, 1]: the network computes on an image of ``rho`` times the
            height and width, and gives one of the full size.
        blocks: number of residual blocks, 0 or more; ``None`` takes 2.
        norm: one of ``models.NORMS``.
        margin: pixels, a multiple of 4, by which what the first convolution makes is continued beyond its edges, each
            the width of a point that is repeated; it is cut off again.
        blocks_kind: one of ``models.BLOCKS_KINDS``; ``separable`` makes every convolution of the residual blocks a
            depthwise and a pointwise one. The first and the last stay full.
        widths: filters of single convolutions by layer name, such as ``block0_a_conv``, instead of those of
            *alpha*. ``down_conv`` and every ``block*_b_conv`` are added to each other and have the same; the 48 of
            ``out_conv`` are 4x4 pixels of three channels.
        height, width: pixels; ``None`` takes any size.

    Returns:
        A model from ``(N, H, W, 3)`` to the same shape, both RGB float32 in 0..255.

    Raises:
        ValueError: an argument is out of range.
    """
    check_margin(margin)
    if margin % STRIDE:
        raise ValueError(f"margin is {margin}; it must be a multiple of {STRIDE}")
    points = margin // STRIDE
    blocks = BLOCKS if blocks is None else blocks
    check_blocks(blocks)
    filters = _filters(alpha, blocks, widths or {})
    check_norm(norm)
    check_blocks_kind(blocks_kind)

    image = keras.Input((height, width, 3), name="image")
    entry = enter(image, rho)
    x = SpaceToDepth(STRIDE, name="to_channels")(entry)
    x = Rescaling(INPUT_SCALE, name="rescale")(x)
    x = conv_block(x, "down", filters, 1, norm)
    if points:
        x = EdgePadding(points, name="margin")(x)
    for index in range(blocks):
        x = residual_block(x, f"block{index}", filters, norm, blocks_kind)
        if index == 0:
            x = _context(x, filters["context_conv"])
    # Without zeros around it takes one point of the margin off by itself.
    last = keras.layers.Conv2D(STRIDE * STRIDE * 3, 3, padding="valid" if points else "same", name="out_conv")
    x = last(x)
    start_alike(last)
    x = keras.layers.ReLU(6, name="out_relu6")(x)
    if points > 1:
        x = keras.layers.Cropping2D(points - 1, name="cut")(x)
    x = DepthToSpace(STRIDE, name="to_pixels")(x)
    x = Rescaling(OUTPUT_SCALE, name="to_image")(x)
    return keras.Model(image, leave(x, entry, image, rho), name=name)


def _filters(alpha: float, blocks: int, widths: Mapping[str, int]) -> dict[str, int]:
    """Filters of every convolution but the last, by layer name."""
    (count,) = scaled_filters((FILTERS,), alpha)
    names = ["down_conv", *(f"block{index}_{half}_conv" for index in range(blocks) for half in "ab")]
    if blocks:
        names.append("context_conv")
    filters = with_widths(dict.fromkeys(names, count), widths)
    if blocks and "context_conv" not in widths:
        filters["context_conv"] = filters["down_conv"]
    check_added(filters, "down_conv")
    return filters


def _context(x: Any, filters: int) -> Any:
    """*x* and what its means over the whole image tell of it, by a 1x1 convolution that has no effect at first.

    With fixed statistics in its norms a network paints a dark photograph and a bright one in the same colours, but for
    this. The global context block of Cao et al., "GCNet: Non-local Networks Meet Squeeze-Excitation Networks and
    Beyond", 2019, with plain means and one convolution: in full integers it takes 4 % of the network's time.
    """
    means = keras.layers.GlobalAveragePooling2D(keepdims=True, name="context_mean")(x)
    shift = keras.layers.Conv2D(filters, 1, kernel_initializer="zeros", name="context_conv")(means)
    return keras.layers.Add(name="context_add")([x, shift])


def start_alike(last: Any, scale: float = LAST_SCALE, bias: float = LAST_BIAS) -> None:
    """Give the 16 pixels of a square one kernel at first, or an untrained network paints a weave with a period of 4.

    Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017 (ICNR).
    """
    last.kernel.assign(scale * tf.tile(last.kernel[..., :3], (1, 1, 1, STRIDE * STRIDE)))
    last.bias.assign(tf.fill(last.bias.shape, bias))
