"""Convolutions of few filters and large kernels, computed after space-to-depth: the same values in less time.

A convolution to the three channels of an image leaves most of a processor's vectors empty. With each 2x2 pixels as
channels of one (Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
Convolutional Neural Network", 2016), it has four times the channels and a kernel of about half the side. The ``9x9``
convolution of 9 channels at 256x256 takes 10 ms forward and backward that way, and 44 ms as it stands (one core).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
import numpy as np
import tensorflow as tf
import tf_keras as keras

BLOCK = 2
MOST_FILTERS = 4
LEAST_KERNEL = 5


@contextmanager
def space_to_depth_convolutions(model: keras.Model) -> Iterator[None]:
    """Let the layers of *model* that gain by it convolve after space-to-depth, while a training step is traced."""
    gaining = [layer for layer in model.submodules if isinstance(layer, keras.layers.Conv2D) and _gains(layer)]
    before = [vars(layer).get("convolution_op") for layer in gaining]
    for layer in gaining:
        layer.convolution_op = partial(space_to_depth_convolution, plain=layer.convolution_op)
    try:
        yield
    finally:
        for layer, own in zip(gaining, before, strict=True):
            if own is None:
                del layer.convolution_op  # what the class has comes back
            else:
                layer.convolution_op = own


def _gains(layer: keras.layers.Conv2D) -> bool:
    side = layer.kernel_size[0]
    plain = layer.strides == (1, 1) and layer.dilation_rate == (1, 1) and layer.padding == "same" and layer.groups == 1
    plain = plain and layer.data_format == "channels_last"
    square = layer.kernel_size == (side, side) and side % 2 == 1
    return bool(plain and square and side >= LEAST_KERNEL and layer.filters <= MOST_FILTERS)


def space_to_depth_convolution(inputs: Any, kernel: Any, plain: Any) -> Any:
    """``plain(inputs, kernel)``, a convolution of stride 1 with zeros around, but for the order of its sums.

    Args:
        inputs: ``(N, H, W, C)``. Where H or W is odd or unknown, *plain* is what computes.
        kernel: ``(K, K, C, F)``, K odd.
    """
    if any(side is None or side % BLOCK for side in inputs.shape[1:3]):
        return plain(inputs, kernel)
    side, _, channels, filters = kernel.shape
    places = _places(side)
    taps = places.shape[0]
    # As a product with ones and zeros, whose gradient is another.
    spread = tf.constant(places.reshape(-1, side * side)) @ tf.reshape(kernel, (side * side, channels * filters))
    spread = tf.reshape(spread, (taps, taps, BLOCK * BLOCK, BLOCK * BLOCK, channels, filters))
    blocked = tf.reshape(
        tf.transpose(spread, (0, 1, 2, 4, 3, 5)), (taps, taps, BLOCK * BLOCK * channels, BLOCK * BLOCK * filters)
    )
    found = tf.nn.conv2d(tf.nn.space_to_depth(inputs, BLOCK), blocked, 1, "SAME")
    return tf.nn.depth_to_space(found, BLOCK)


@cache
def _places(side: int) -> np.ndarray:
    """Which weight of a kernel of *side* stands where: ``(T, T, 4, 4, side * side)`` of ones and zeros.

    By tap of the kernel over blocks, pixel within the block that is read, and pixel within the one that is written.
    """
    reach = -(-(side // 2) // BLOCK)
    taps = 2 * reach + 1
    found = np.zeros((taps, taps, BLOCK, BLOCK, BLOCK, BLOCK, side, side), np.float32)
    for tap in np.ndindex(found.shape[:6]):
        block, read, written = np.reshape(tap, (3, 2))
        row, column = BLOCK * (block - reach) + read - written + side // 2
        if 0 <= row < side and 0 <= column < side:
            found[(*tap, row, column)] = 1
    return found.reshape(taps, taps, BLOCK * BLOCK, BLOCK * BLOCK, side * side)
