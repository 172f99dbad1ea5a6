"""The mirror of an encoder of VGG's form: a decoder that makes an image of the features of one of its taps.

Li et al., "Universal Style Transfer via Feature Transforms", 2017. The rule: the encoder's convolutions in reverse,
each from its filters to its inputs, and after each that follows a pooling a nearest upsampling by two.
"""

from __future__ import annotations

from collections.abc import Mapping

import tf_keras as keras

from .layers import EdgePadding, Rescaling
from .vgg import STAGES, needed_layers

MIDDLE, SPREAD = 128.0, 64.0  # of the values of an image: what the last convolution makes is about 1


def mirrored_decoder(channels: Mapping[str, tuple[int, int]], tap: str, scale: float = 1.0) -> keras.Model:
    """The decoder of the features of *tap*. Convolutions see the outermost pixels repeated: nothing frames a picture.

    Args:
        channels: of the encoder: inputs and filters of each convolution, by layer name, such as ``conv1_1``.
        tap: ``relu1_1`` .. ``relu5_1``.
        scale: of the features, about their root mean square; they are divided by it.

    Returns:
        A model from ``(N, h, w, filters)`` to ``(N, s h, s w, 3)`` RGB, about 0..255 and not clipped, with s of
        :func:`stride`. Its convolutions are called as the encoder's that they mirror.

    Raises:
        ValueError: *tap* is none of the five, or *scale* is not above 0.
    """
    layers = _layers(tap)
    if not scale > 0:
        raise ValueError(f"scale is {scale}; it must be above 0")
    features = keras.Input((None, None, channels[layers[-1]][1]), name="features")
    x = Rescaling(1 / scale, name="scaled")(features)
    for layer in reversed(layers):
        last = layer == layers[0]
        x = EdgePadding(1, name=f"{layer}_edges")(x)
        made = keras.layers.Conv2D(
            channels[layer][0], 3, activation=None if last else "relu", kernel_initializer="he_normal", name=layer
        )
        x = made(x)
        if _after_pooling(layer):
            x = keras.layers.UpSampling2D(2, interpolation="nearest", name=f"{layer}_enlarged")(x)
    return keras.Model(features, Rescaling(SPREAD, MIDDLE, name="to_image")(x), name=f"decoder_{tap}")


def stride(tap: str) -> int:
    """Pixels of the image, a side, for one position of the features of *tap*.

    Raises:
        ValueError: *tap* is none of ``relu1_1`` .. ``relu5_1``.
    """
    _layers(tap)
    return int(2 ** STAGES.index(tap))


def reach(tap: str) -> int:
    """How many pixels beside its own a position of the encoder's features, or of the decoder's image, looks at.

    At most so many, to each side, and rounded up to a multiple of the stride: what tiles must overlap by.
    """
    pixels, step = 0, 1
    for layer in _layers(tap):
        if _after_pooling(layer):
            pixels, step = pixels + step, step * 2  # the pooling, or the upsampling
        pixels += step
    return -(-pixels // step) * step


def _layers(tap: str) -> tuple[str, ...]:
    if tap not in STAGES:
        raise ValueError(f"tap is {tap!r}; allowed: {', '.join(STAGES)}")
    return needed_layers((tap,))


def _after_pooling(layer: str) -> bool:
    return layer.endswith("_1") and layer != "conv1_1"
