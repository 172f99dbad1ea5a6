"""A U-Net: photo in, mask of one kind of thing out.

Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015, with a norm after each
convolution, the resize-convolution of Odena et al. (2016) instead of a transposed one, and a quarter of the filters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tf_keras as keras

from .blocks import INPUT_SCALE, check_blocks_kind, check_norm, conv_block, scaled_filters, with_widths
from .layers import MatchSize, Rescaling

FILTERS = (16, 32, 64, 128)  # of each level at alpha 1, the full resolution first
# Trainings of some hundred steps: at Keras' own 0.99 the statistics of the first weights would still count.
MOMENTUM = 0.9
FIRST = "down0_a"  # reads the image


def unet(
    *,
    alpha: float = 1.0,
    norm: str = "batch",
    blocks_kind: str = "residual",
    widths: Mapping[str, int] | None = None,
    height: int | None = None,
    width: int | None = None,
) -> keras.Model:
    """Build a U-Net of four levels; 536,609 weights are trained at alpha 1.

    Args:
        alpha: width multiplier; every layer has ``int(alpha * filters)`` filters, at least one.
        norm: one of ``models.NORMS``.
        blocks_kind: one of ``models.BLOCKS_KINDS``; ``separable`` makes every 3x3 convolution but the first a
            depthwise and a pointwise one. The U-Net has no residual blocks: ``residual`` is as it was published.
        widths: filters of single convolutions by layer name, such as ``down0_a_conv``, instead of those of *alpha*.
        height, width: pixels; ``None`` takes any size. Where they are multiples of 8 no layer has anything to crop.

    Returns:
        A model from ``(N, H, W, 3)`` RGB float32 in 0..255 to ``(N, H, W, 1)`` in 0..1: how sure it is that a pixel
        is in the mask.

    Raises:
        ValueError: an argument is out of range.
    """
    filters = with_widths(_filters(scaled_filters(FILTERS, alpha)), widths or {})
    check_norm(norm)
    check_blocks_kind(blocks_kind)
    image = keras.Input((height, width, 3), name="image")
    x = Rescaling(INPUT_SCALE, name="rescale")(image)
    skips = []
    for level in range(len(FILTERS) - 1):
        x = _two(x, f"down{level}", filters, norm, blocks_kind)
        skips.append(x)
        # Odd sizes are rounded up, and what is too much is cropped on the way back.
        x = keras.layers.MaxPooling2D(2, padding="same", name=f"down{level}_pool")(x)
    x = _two(x, "bottom", filters, norm, blocks_kind)
    for level in reversed(range(len(skips))):
        x = keras.layers.UpSampling2D(2, interpolation="nearest", name=f"up{level}_resize")(x)
        x = conv_block(x, f"up{level}", filters, 3, norm, momentum=MOMENTUM, kind=blocks_kind)
        x = MatchSize(name=f"up{level}_crop")([x, skips[level]])
        x = keras.layers.Concatenate(name=f"up{level}_skip")([skips[level], x])
        x = _two(x, f"up{level}", filters, norm, blocks_kind)
    x = keras.layers.Conv2D(1, 1, name="out_conv")(x)
    return keras.Model(image, keras.layers.Activation("sigmoid", name="out_sigmoid")(x), name="unet")


def _filters(counts: tuple[int, ...]) -> dict[str, int]:
    """Filters of every convolution but the last, by layer name."""
    *outer, bottom = counts
    down = {f"down{level}_{half}_conv": count for level, count in enumerate(outer) for half in "ab"}
    up = {
        f"up{level}_{part}conv": count for level, count in reversed(list(enumerate(outer))) for part in ("", "a_", "b_")
    }
    return {**down, "bottom_a_conv": bottom, "bottom_b_conv": bottom, **up}


def _two(x: Any, name: str, filters: Mapping[str, int], norm: str, blocks_kind: str) -> Any:
    for half in "ab":
        layer = f"{name}_{half}"
        kind = "residual" if layer == FIRST else blocks_kind
        x = conv_block(x, layer, filters, 3, norm, momentum=MOMENTUM, kind=kind)
    return x
