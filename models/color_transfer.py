"""Colours of one image with the means and covariances of another: what is told of them, and the transfer.

Reinhard et al., "Color Transfer between Images", 2001, with whole covariances: colours are brightness, yellow against
blue, and red against green, and ``y = S C^-1 (x - m_c) + m_s``, where C and S are the Cholesky factors of the
covariances of the photograph and of the style. Triangular factors keep bright what is bright, and give the bright and
the dark the hues that they have in the style. All is written with means along one axis at a time, products and
reciprocal roots: no sum is large for half precision, and full-integer files keep those in float.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

# Rows: brightness, yellow against blue, red against green; orthonormal.
BASIS = (np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]]) / np.sqrt([[3], [6], [2]])).astype(np.float32)
COLORS = 9  # means, and the lower triangle of the Cholesky factor by rows
PAIRS = ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2))
# Least variances, of values 0..1: a gray photograph has noise for hues, which must not be stretched without bound.
LEAST_OF_STYLE, LEAST_OF_PHOTO = 1e-5, 1e-3
# Rows and columns from one sample of a photograph's colours to the next: those of all pixels took a quarter of a frame.
# It is odd, for screens, stripes and the blocks of JPEG have periods of 2, 4 and 8.
SAMPLED = 5


@keras.utils.register_keras_serializable(package="export_pipeline")
class ColorStatistics(keras.layers.Layer):
    """What is told of the colours of ``(N, H, W, 3)`` RGB 0..255: ``(N, 1, 1, 9)``, means and Cholesky factor."""

    def call(self, inputs: Any) -> Any:
        means, covariance = _centred(mean_products(inputs))
        c11, c21, c22, c31, c32, c33 = covariance
        i11 = tf.math.rsqrt(c11 + LEAST_OF_STYLE)
        s21, s31 = c21 * i11, c31 * i11
        v22 = tf.nn.relu(c22 - s21 * s21) + LEAST_OF_STYLE
        i22 = tf.math.rsqrt(v22)
        s32 = (c32 - s31 * s21) * i22
        v33 = tf.nn.relu(c33 - s31 * s31 - s32 * s32) + LEAST_OF_STYLE
        roots = [(c11 + LEAST_OF_STYLE) * i11, s21, v22 * i22, s31, s32, v33 * tf.math.rsqrt(v33)]
        return tf.concat([*means, *roots], -1)


@keras.utils.register_keras_serializable(package="export_pipeline")
class ColorTransfer(keras.layers.Layer):
    """``[image, colors, strength]``: *image* ``(N, H, W, 3)`` RGB 0..255 with *colors* ``(N, 1, 1, 9)``.

    Those are what :class:`ColorStatistics` tells of another image. At *strength* 0, ``(N, 1, 1, 1)``, the image stays
    as it is but for rounding, and at 1 it has them. What colours the image has is told by one pixel of 25
    (:func:`sampled`).
    """

    def call(self, inputs: Any) -> Any:
        image, colors, strength = inputs
        return transferred(image, mean_products(sampled(image)), colors, strength)


@keras.utils.register_keras_serializable(package="export_pipeline")
class Channels(keras.layers.Layer):
    """The last *count* channels of ``(N, H, W, C)``."""

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = int(count)

    def call(self, inputs: Any) -> Any:
        return inputs[..., inputs.shape[-1] - self.count :]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count}


def sampled(image: Any) -> Any:
    """Every fifth pixel of every fifth row of ``(N, H, W, 3)``."""
    return image[:, ::SAMPLED, ::SAMPLED]


def mean_products(image: Any) -> Any:
    """Means over all positions of the colours of *image* and of their products, :data:`PAIRS`: ``(N, 1, 1, 9)``."""
    parts = _opponents(image)
    both = tf.concat([*parts, *(parts[i] * parts[j] for i, j in PAIRS)], -1)
    return tf.reduce_mean(tf.reduce_mean(both, 2, keepdims=True), 1, keepdims=True)


def transferred(image: Any, own: Any, colors: Any, strength: Any) -> Any:
    """*image*, whose :func:`mean_products` are *own*, with *colors* as far as *strength* says.

    All is one product with a matrix at every position: ``(x - m_c) M + m_c + strength (m_s - m_c)``, where M goes from
    the identity to the transfer in RGB.
    """
    means, (c11, c21, c22, c31, c32, c33) = _centred(own)
    i11 = tf.math.rsqrt(c11 + LEAST_OF_PHOTO)
    l21, l31 = c21 * i11, c31 * i11
    i22 = tf.math.rsqrt(tf.nn.relu(c22 - l21 * l21) + LEAST_OF_PHOTO)
    l32 = (c32 - l31 * l21) * i22
    i33 = tf.math.rsqrt(tf.nn.relu(c33 - l31 * l31 - l32 * l32) + LEAST_OF_PHOTO)
    # The inverse of the factor, and its product with that of the style; both are lower triangles.
    i21, i32 = -l21 * i11 * i22, -l32 * i22 * i33
    i31 = -(l31 * i11 + l32 * i21) * i33
    m1, m2, m3, s11, s21, s22, s31, s32, s33 = tf.split(colors, COLORS, -1)
    # What one of each opponent colour becomes, and then what one of red, green and blue does: all (N, 1, 1, 3) RGB.
    of_opponents = [
        _in_rgb([s11 * i11, s21 * i11 + s22 * i21, s31 * i11 + s32 * i21 + s33 * i31]),
        _in_rgb([None, s22 * i22, s32 * i22 + s33 * i32]),
        _in_rgb([None, None, s33 * i33]),
    ]
    units = np.eye(3, dtype=np.float32)[:, None, None, None]
    rows = [unit + strength * (row - unit) for unit, row in zip(units, _times(BASIS.T, of_opponents), strict=True)]
    center, wanted = 255.0 * _in_rgb(means), 255.0 * _in_rgb([m1, m2, m3])
    red, green, blue = (
        part - middle for part, middle in zip(_split(tf.cast(image, tf.float32)), _split(center), strict=True)
    )
    columns = zip(*map(_split, rows), _split(center + strength * (wanted - center)), strict=True)
    return tf.concat([red * r + green * g + blue * b + moved for r, g, b, moved in columns], -1)


def _split(channels: Any) -> list[Any]:
    """The three channels of ``(N, H, W, 3)``. An image times three numbers at once would be refused by phones' GPUs."""
    found: list[Any] = tf.split(channels, 3, -1)
    return found


def _in_rgb(opponents: list[Any]) -> Any:
    """``(N, 1, 1, 3)``: the sum of *opponents*, each ``(N, 1, 1, 1)`` or ``None`` for 0, in RGB."""
    return tf.add_n([part * row for part, row in zip(opponents, BASIS, strict=True) if part is not None])


def _opponents(image: Any) -> list[Any]:
    return _times(BASIS / 255, _split(tf.cast(image, tf.float32)))


def _times(matrix: np.ndarray, parts: list[Any]) -> list[Any]:
    """*matrix* times what is made of *parts*, channel by channel: a convolution would be one that nobody trains."""
    return [
        tf.add_n([float(factor) * part for factor, part in zip(row, parts, strict=True) if factor]) for row in matrix
    ]


def _centred(products: Any) -> tuple[list[Any], list[Any]]:
    """Means, and covariances in the order of :data:`PAIRS`, each ``(N, 1, 1, 1)``."""
    m1, m2, m3, *squares = tf.split(products, COLORS, -1)
    means = [m1, m2, m3]
    return means, [square - means[i] * means[j] for square, (i, j) in zip(squares, PAIRS, strict=True)]
