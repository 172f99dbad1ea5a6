"""Arbitrary style transfer: the sub-pixel network with adaptive instance norms, and the encoder that tells it a style.

Two networks, so that an app encodes a painting once and paints frames from then on: ``style_encoder`` makes statistics
of a painting, and ``adain_subpixel`` makes a picture of a photograph and statistics. Huang and Belongie, "Arbitrary
Style Transfer in Real-Time with Adaptive Instance Normalization", 2017; that the norms' scales and shifts are learned
from the style is of Ghiasi et al., "Exploring the Structure of a Real-Time, Arbitrary Neural Artistic Stylization
Network", 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tf_keras as keras

from .blocks import INPUT_SCALE, check_added, check_blocks, check_margin, scaled_filters, with_widths
from .color_transfer import COLORS, Channels, ColorStatistics, ColorTransfer
from .layers import DepthToSpace, EdgePadding, InstanceNormalization, MatchSize, Rescaling, SpaceToDepth, SquareRoot
from .subpixel import FILTERS, OUTPUT_SCALE, STRIDE, start_alike
from .vgg import MEAN_RGB, needed_layers

BLOCKS = 4
# relu4_1 is left out. Its moments follow from those of the layers before it: least squares explain 98.6 % of what a
# network that was trained with them makes of them, over 448 paintings, parts of paintings, and photographs. Its
# convolutions alone would take 184,000 bytes in 8 bits.
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1")
# Of a painting: means and deviations of the distilled loss network's features, of 16, 32 and 64 channels, and colours.
MOMENTS = 2 * (16 + 32 + 64) + COLORS
# What a network is told of it: the moments along the axes that styles differ by most, and the colours as they are.
STATISTICS = 128
AXES = STATISTICS - COLORS
# What divides the features of a layer, so that moments of paintings are about 1.
FEATURE_SCALES = (64.0, 256.0, 512.0)
HIDDEN = 128
LAST_SCALE = 0.1  # of the last kernel at first: the photograph in the style's colours comes out
# Of what a convolution before a norm takes. The norm undoes it, and adds up within half precision; its epsilon is the
# least that this holds.
EASED, EPSILON = 2.0**-6, 2.0**-24
ADDED = 0.3  # deviation of what a block adds at first
POOL = 16  # side of the squares that are averaged first: a sum over a whole image is too large for half precision


def adain_subpixel(
    *,
    alpha: float = 1.25,
    blocks: int | None = None,
    margin: int = 0,
    statistics: int = STATISTICS,
    widths: Mapping[str, int] | None = None,
    height: int | None = None,
    width: int | None = None,
    name: str = "adain_subpixel",
) -> keras.Model:
    """The network that paints: at a quarter of the resolution, with instance norms that a style scales and shifts.

    The photograph is first given the colours of the style, as far as the strength says (:mod:`.color_transfer`). What
    the rest makes of that is added to it, times the strength: at strength 0 the photograph comes out as it is, but for
    rounding. After each norm stand a scale and a shift that two layers make of the statistics.

    Args:
        alpha: width multiplier; every convolution has ``int(32 alpha)`` filters, at least one.
        blocks: number of residual blocks, 0 or more; ``None`` takes 4.
        margin: pixels, a multiple of 4, that the image is continued by beyond its edges at a quarter of the
            resolution, and that are cut off again.
        statistics: how many numbers say what a style is like, as :func:`style_encoder` makes them.
        widths: filters of single convolutions by layer name, such as ``block0_a_conv``, instead of those of *alpha*.
            ``down_conv`` and every ``block*_b_conv`` are added to each other and have the same.
        height, width: pixels; ``None`` takes any size.

    Returns:
        A model from ``image`` ``(N, H, W, 3)`` RGB 0..255, ``style`` ``(N, 1, 1, statistics)`` and ``strength``
        ``(N, 1, 1, 1)`` 0..1, all float32, to a picture of the size of the image, 0..255.

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

    image = keras.Input((height, width, 3), name="image")
    style = keras.Input((1, 1, statistics), name="style")
    strength = keras.Input((1, 1, 1), name="strength")
    told = keras.layers.Conv2D(HIDDEN, 1, activation="relu", name="style_conv")(style)

    def adapted(x: Any, layer: str, deviation: float = 1.0) -> Any:
        return _adapted(x, layer, deviation, told)

    colors = Channels(COLORS, name="colors")(style)
    colored = ColorTransfer(name="color_transfer")([image, colors, strength])
    base = SpaceToDepth(STRIDE, name="to_channels")(colored)
    x = Rescaling(EASED, name="down_eased")(Rescaling(INPUT_SCALE, name="rescale")(base))
    x = keras.layers.Conv2D(filters["down_conv"], 1, name="down_conv")(x)
    if points:
        x = EdgePadding(points, name="margin")(x)
    x = keras.layers.Activation("relu", name="down_relu")(adapted(x, "down"))
    for index in range(blocks):
        first, second = f"block{index}_a", f"block{index}_b"
        y = Rescaling(EASED, name=f"{first}_eased")(x)
        y = keras.layers.Conv2D(filters[f"{first}_conv"], 3, padding="same", name=f"{first}_conv")(y)
        y = keras.layers.Activation("relu", name=f"{first}_relu")(adapted(y, first))
        y = Rescaling(EASED, name=f"{second}_eased")(y)
        y = keras.layers.Conv2D(filters[f"{second}_conv"], 3, padding="same", name=f"{second}_conv")(y)
        x = keras.layers.Add(name=f"block{index}_add")([x, adapted(y, second, ADDED)])
    # Without zeros around it takes one point of the margin off by itself.
    last = keras.layers.Conv2D(STRIDE * STRIDE * 3, 3, padding="valid" if points else "same", name="out_conv")
    x = last(x)
    start_alike(last, LAST_SCALE, 0.0)
    if points > 1:
        x = keras.layers.Cropping2D(points - 1, name="cut")(x)
    x = keras.layers.Multiply(name="out_strength")([x, strength])
    x = keras.layers.Add(name="out_add")([x, Rescaling(1 / OUTPUT_SCALE, name="to_steps")(base)])
    x = keras.layers.ReLU(6, name="out_relu6")(x)
    x = DepthToSpace(STRIDE, name="to_pixels")(x)
    x = MatchSize(name="crop")([Rescaling(OUTPUT_SCALE, name="to_image")(x), image])
    return keras.Model([image, style, strength], x, name=name)


def _filters(alpha: float, blocks: int, widths: Mapping[str, int]) -> dict[str, int]:
    (count,) = scaled_filters((FILTERS,), alpha)
    names = ["down_conv", *(f"block{index}_{half}_conv" for index in range(blocks) for half in "ab")]
    filters = with_widths(dict.fromkeys(names, count), widths)
    check_added(filters, "down_conv")
    return filters


def _adapted(x: Any, name: str, deviation: float, told: Any) -> Any:
    """The norm of *x* with the scale, about *deviation* at first, and the shift of the style."""

    def of_style(part: str, first: float) -> Any:
        start = keras.initializers.Constant(first)
        return keras.layers.Conv2D(x.shape[-1], 1, bias_initializer=start, name=f"{name}_{part}")(told)

    normed = InstanceNormalization(EPSILON, name=f"{name}_norm")(x)
    scaled = keras.layers.Multiply(name=f"{name}_scaled")([normed, of_style("scale", deviation)])
    return keras.layers.Add(name=f"{name}_adapted")([scaled, of_style("shift", 0.0)])


def style_encoder(
    weights: Mapping[str, tuple[Any, Any]], size: int = 512, projection: tuple[np.ndarray, np.ndarray] | None = None
) -> keras.Model:
    """The network that tells a style: means and deviations of features of VGG's form, over the whole painting.

    Args:
        weights: kernel ``(3, 3, in, out)`` and bias ``(out,)`` by layer name, of the distilled loss network.
        size: height and width of the painting, pixels, a multiple of 64.
        projection: the mean of the moments of styles, ``(M,)``, and axes ``(M, K)``: ``(moments - mean) @ axes`` is
            told in their place. ``None`` tells the moments as they are.

    Returns:
        A model from ``painting`` ``(N, size, size, 3)`` RGB 0..255 to ``style``: the K numbers along the axes and the
        colours, ``(N, 1, 1, K + 9)``. Without a projection the M moments, ``(N, 1, 1, M)``: for each of relu1_1 to
        relu3_1 the means of its C channels and then the deviations, over :data:`FEATURE_SCALES`; last the colours.

    Raises:
        ValueError: *size* is no multiple of 64, or the projection is of another number of moments.
    """
    least = POOL * 2 ** (len(STYLE_LAYERS) - 1)
    if size < least or size % least:
        raise ValueError(f"size is {size}; it must be a multiple of {least}")
    painting = keras.Input((size, size, 3), name="painting")
    x, found = painting, []
    for layer in needed_layers(STYLE_LAYERS):
        if layer.endswith("_1") and layer != "conv1_1":
            x = keras.layers.MaxPool2D(name=f"{layer}_pool")(x)
        kernel, bias = weights[layer]
        if layer == "conv1_1":  # zeros around it are the mean colour, so that this cannot be folded into its bias
            to_bgr = keras.layers.Conv2D(3, 1, name="to_bgr")
            x = to_bgr(x)
            to_bgr.set_weights(_to_bgr())
        conv = keras.layers.Conv2D(bias.shape[0], 3, padding="same", activation="relu", name=layer)
        x = conv(x)
        conv.set_weights([kernel, bias])
        name = layer.replace("conv", "relu")
        if name in STYLE_LAYERS:
            found += _moments(x, name, FEATURE_SCALES[STYLE_LAYERS.index(name)])
    colors = ColorStatistics(name="color_statistics")(painting)
    if projection is None:
        style = keras.layers.Concatenate(name="style")([*found, colors])
    else:
        moments = keras.layers.Concatenate(name="moments")([*found, colors])
        style = keras.layers.Concatenate(name="style")([_projected(moments, *projection), colors])
    return keras.Model(painting, style, name="style_encoder")


def _projected(moments: Any, mean: np.ndarray, axes: np.ndarray) -> Any:
    """``(moments - mean) @ axes``; the mean first, for what is left adds up within half precision."""
    if mean.shape != moments.shape[-1:] or axes.shape[:1] != mean.shape:
        raise ValueError(f"{moments.shape[-1]} moments are not projected by a mean {mean.shape} and axes {axes.shape}")
    centred = keras.layers.DepthwiseConv2D(1, name="centred")
    moments = centred(moments)
    centred.set_weights([np.ones((1, 1, len(mean), 1), np.float32), -mean])
    along = keras.layers.Conv2D(axes.shape[1], 1, use_bias=False, name="axes")
    found = along(moments)
    along.set_weights([axes[None, None]])
    return found


def _to_bgr() -> list[Any]:
    kernel = np.eye(3, dtype=np.float32)[::-1][None, None]
    return [kernel, -np.array(MEAN_RGB[::-1], np.float32)]


def _moments(x: Any, name: str, scale: float) -> list[Any]:
    """Means and deviations of the channels of *x* over *scale*, each ``(N, 1, 1, C)``."""

    def mean(value: Any, part: str) -> Any:
        value = keras.layers.AveragePooling2D(POOL, name=f"{name}_{part}_pool")(value)
        return keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_{part}")(value)

    x = Rescaling(1 / scale, name=f"{name}_scaled")(x)
    means = mean(x, "mean")
    squares = mean(keras.layers.Multiply(name=f"{name}_squared")([x, x]), "square")
    of_means = keras.layers.Multiply(name=f"{name}_mean_squared")([means, means])
    variance = keras.layers.Subtract(name=f"{name}_variance")([squares, of_means])
    return [means, SquareRoot(name=f"{name}_deviation")(variance)]
