"""What the networks are built of: a convolution with its norm and activation, and the filters of every convolution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import tf_keras as keras

from .layers import InstanceNormalization, MatchSize, MirrorPadding, ScaleSize

# A power of two, so that folding the scale into the first kernel loses no bit.
INPUT_SCALE = 1 / 128
NORMS = ("instance", "batch")
# Of the convolutions between the first, which reads the image, and the last, which makes it: full ones, as the networks
# were published with, or a depthwise and a pointwise one for each.
BLOCKS_KINDS = ("residual", "separable")


def check_margin(margin: int) -> None:
    """Refuse what is no number of pixels."""
    if not isinstance(margin, int) or margin < 0:
        raise ValueError(f"margin is {margin!r}; it must be a whole number, 0 or more")


def enter(image: Any, rho: float, margin: int = 0) -> Any:
    """What a network computes on: *image* scaled by *rho*, and mirrored beyond its edges by *margin* pixels.

    Zeros around an image tell a network where it ends, and it paints a frame there. In a margin nobody sees it.
    """
    check_margin(margin)
    x = image if rho == 1 else ScaleSize(rho, name="entry")(image)
    return MirrorPadding(margin, name="margin")(x) if margin else x


def leave(x: Any, entered: Any, image: Any, rho: float, margin: int = 0) -> Any:
    """*x* at the size of *image*: without what is beyond :func:`enter`'s result and without the margin, and scaled."""
    x = MatchSize(name="crop")([x, entered])
    if margin:
        x = keras.layers.Cropping2D(margin, name="cut")(x)
    return x if rho == 1 else MatchSize(resize=True, name="exit")([x, image])


def conv_block(
    x: Any,
    name: str,
    filters: Mapping[str, int],
    kernel: int,
    norm: str,
    *,
    stride: int = 1,
    activation: str | None = "relu",
    initial_gamma: float = 1.0,
    momentum: float = 0.99,
    kind: str = "residual",
) -> Any:
    """The layers ``{name}_conv``, ``{name}_norm`` and, unless it is ``None``, ``{name}_{activation}`` on *x*.

    Where *kind* is ``separable``, the layers ``{name}_depthwise``, ``{name}_depthwise_norm`` and
    ``{name}_depthwise_relu`` come first, and ``{name}_conv`` is a pointwise convolution: the block of Howard et al.,
    "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017. With ``F`` filters it
    takes ``1 / F + 1 / kernel^2`` of the multiply-accumulates of the full convolution.

    Args:
        filters: of every convolution, by layer name.
        kernel: its side.
        norm: one of :data:`NORMS`.
        initial_gamma: deviation that the norm gives at first.
        momentum: of the moving statistics of batch norm.
        kind: one of :data:`BLOCKS_KINDS`.
    """
    # No bias: the norm after it would take it out again.
    layer, options = f"{name}_conv", {"strides": stride, "padding": "same", "use_bias": False}
    if kind == "separable":
        depthwise = f"{name}_depthwise"
        x = keras.layers.DepthwiseConv2D(kernel, name=depthwise, **options)(x)
        x = _norm(x, depthwise, norm, 1.0, momentum)
        x = keras.layers.Activation("relu", name=f"{depthwise}_relu")(x)
        kernel, options = 1, {"use_bias": False}
    x = keras.layers.Conv2D(filters[layer], kernel, name=layer, **options)(x)
    x = _norm(x, name, norm, initial_gamma, momentum)
    return x if activation is None else keras.layers.Activation(activation, name=f"{name}_{activation}")(x)


def _norm(x: Any, name: str, norm: str, initial_gamma: float, momentum: float) -> Any:
    if norm == "instance":
        return InstanceNormalization(initial_gamma=initial_gamma, name=f"{name}_norm")(x)
    gamma = keras.initializers.Constant(initial_gamma)
    return keras.layers.BatchNormalization(gamma_initializer=gamma, momentum=momentum, name=f"{name}_norm")(x)


def residual_block(x: Any, name: str, filters: Mapping[str, int], norm: str, kind: str = "residual") -> Any:
    """*x* plus what two convolutions of 3x3, ``{name}_a`` and ``{name}_b``, make of it (He et al., 2016)."""
    y = conv_block(x, f"{name}_a", filters, 3, norm, kind=kind)
    y = conv_block(y, f"{name}_b", filters, 3, norm, activation=None, kind=kind)
    return keras.layers.Add(name=f"{name}_add")([x, y])


def check_blocks(blocks: int) -> None:
    """Refuse a number of residual *blocks* below 0.

    Raises:
        ValueError: it is below 0.
    """
    if blocks < 0:
        raise ValueError(f"blocks is {blocks}; it must be 0 or more")


def check_added(filters: Mapping[str, int], first: str) -> None:
    """Refuse *filters* where what is added differs: *first*, every ``block*_b_conv``, and ``context_conv``.

    Raises:
        ValueError: they have different numbers of filters.
    """
    added = {name: filters[name] for name in filters if name in (first, "context_conv") or name.endswith("_b_conv")}
    if len(set(added.values())) > 1:
        if added.get("context_conv") == added[first]:  # which it follows
            del added["context_conv"]
        listed = ", ".join(f"{name} {count}" for name, count in added.items())
        raise ValueError(f"widths gives {listed} filters, but their outputs are added; give all of them the same")


def check_norm(norm: str) -> None:
    """Refuse a *norm* that there is not.

    Raises:
        ValueError: it is not one of :data:`NORMS`.
    """
    if norm not in NORMS:
        raise ValueError(f"norm is {norm!r}; allowed: {', '.join(NORMS)}")


def check_blocks_kind(blocks_kind: str) -> None:
    """Refuse a *blocks_kind* that there is not.

    Raises:
        ValueError: it is not one of :data:`BLOCKS_KINDS`.
    """
    if blocks_kind not in BLOCKS_KINDS:
        raise ValueError(f"blocks_kind is {blocks_kind!r}; allowed: {', '.join(BLOCKS_KINDS)}")


def scaled_filters(filters: tuple[int, ...], alpha: float) -> tuple[int, ...]:
    """*filters* times the width multiplier *alpha*, rounded down.

    Raises:
        ValueError: one is left without filters, or *alpha* is not finite.
    """
    least = 1 / min(filters)
    if not least <= alpha < math.inf:
        raise ValueError(f"alpha is {alpha}, which leaves a layer without filters; it must be {least:g} or more")
    return tuple(int(alpha * count) for count in filters)


def with_widths(filters: Mapping[str, int], widths: Mapping[str, int]) -> dict[str, int]:
    """*filters* by layer name, those that *widths* names as it says.

    Raises:
        ValueError: *widths* names another layer, or gives one no filters.
    """
    for name, count in widths.items():
        if name not in filters:
            raise ValueError(f"widths names {name!r}; allowed: {', '.join(filters)}")
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"widths gives {name} {count!r} filters; it must be a whole number, 1 or more")
    return {**filters, **widths}
