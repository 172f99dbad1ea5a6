"""Feed-forward style transfer networks: photo in, stylized photo out.

Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", 2016, with the
instance norm of Ulyanov et al. (2016) and the resize-convolution of Odena et al. (2016).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tf_keras as keras

from .blocks import (
    INPUT_SCALE,
    check_added,
    check_blocks,
    check_blocks_kind,
    check_norm,
    conv_block,
    enter,
    leave,
    residual_block,
    scaled_filters,
    with_widths,
)
from .layers import Rescaling

# Deviation before the last tanh of an untrained network: outputs then have the contrast of a photograph. At 1
# they are glaring, and training learns blobs that swallow the deviation before it learns to lower it.
LAST_GAMMA = 0.4


@dataclass(frozen=True)
class Architecture:
    """Filters of the three encoder convolutions at alpha 1, and the number of residual blocks."""

    filters: tuple[int, int, int]
    blocks: int


JOHNSON = Architecture(filters=(32, 64, 128), blocks=5)
SMALL = Architecture(filters=(32, 32, 32), blocks=3)


def johnson(**arguments: Any) -> keras.Model:
    """Johnson's network: 32, 64 and 128 filters, five residual blocks. Arguments as in :func:`style_net`."""
    return style_net(JOHNSON, name="johnson", **arguments)


def small(**arguments: Any) -> keras.Model:
    """The small network: 32 filters everywhere, three residual blocks. Arguments as in :func:`style_net`."""
    return style_net(SMALL, name="small", **arguments)


def style_net(
    architecture: Architecture,
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
    name: str = "style_net",
) -> keras.Model:
    """Build a style transfer network.

    Args:
        architecture: filters and blocks at width 1.
        alpha: width multiplier; every layer has ``int(alpha * filters)`` filters, at least one.
        rho: resolution multiplier in (0, 1]: the network computes on an image of ``rho`` times the
            height and width, and gives one of the full size.
        blocks: number of residual blocks, 0 or more; ``None`` takes the architecture's.
        norm: one of ``models.NORMS``.
        margin: pixels that the image is mirrored by beyond its edges, of what the network computes on; they are cut
            off again. The image must be larger.
        blocks_kind: one of ``models.BLOCKS_KINDS``; ``separable`` makes every 3x3 convolution a depthwise and a
            pointwise one. The first and the last, of 9x9, stay full.
        widths: filters of single convolutions by layer name, such as ``block0_a_conv``, instead of those of
            *alpha*. ``down2_conv`` and every ``block*_b_conv`` are added to each other and have the same; the
            three of ``out_conv`` are the image's.
        height, width: pixels; ``None`` takes any size.

    Returns:
        A model from ``(N, H, W, 3)`` to the same shape, both RGB float32 in 0..255.

    Raises:
        ValueError: an argument is out of range.
    """
    blocks = architecture.blocks if blocks is None else blocks
    check_blocks(blocks)
    filters = _filters(architecture, alpha, blocks, widths or {})
    check_norm(norm)
    check_blocks_kind(blocks_kind)

    image = keras.Input((height, width, 3), name="image")
    entry = enter(image, rho, margin)
    x = Rescaling(INPUT_SCALE, name="rescale")(entry)
    for index, (kernel, stride) in enumerate(((9, 1), (3, 2), (3, 2))):
        kind = blocks_kind if index else "residual"
        x = conv_block(x, f"down{index}", filters, kernel, norm, stride=stride, kind=kind)
    for index in range(blocks):
        x = residual_block(x, f"block{index}", filters, norm, blocks_kind)
    for index in range(2):
        x = keras.layers.UpSampling2D(2, interpolation="nearest", name=f"up{index}_resize")(x)
        x = conv_block(x, f"up{index}", filters, 3, norm, kind=blocks_kind)
    x = conv_block(x, "out", filters, 9, norm, activation="tanh", initial_gamma=LAST_GAMMA)
    x = Rescaling(127.5, 127.5, name="to_image")(x)
    return keras.Model(image, leave(x, entry, image, rho, margin), name=name)


def _filters(architecture: Architecture, alpha: float, blocks: int, widths: Mapping[str, int]) -> dict[str, int]:
    """Filters of every convolution, by layer name."""
    first, second, third = scaled_filters(architecture.filters, alpha)
    of_blocks = {f"block{index}_{half}_conv": third for index in range(blocks) for half in "ab"}
    by_alpha = {"down0_conv": first, "down1_conv": second, "down2_conv": third, **of_blocks}
    by_alpha |= {"up0_conv": second, "up1_conv": first}
    filters = with_widths(by_alpha, widths)
    check_added(filters, "down2_conv")
    return {**filters, "out_conv": 3}
