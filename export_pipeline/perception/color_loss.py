"""The colour loss: how far the colours of a picture are from those of a painting, at several scales.

What the eye takes for the colours of a picture are means over some pixels. A network that is asked for the distribution
of single pixels alone paints fine lines of yellow and blue in turn, which look gray.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
import numpy as np
import tensorflow as tf

from export_pipeline.perception.statistics import moments

SCALES = (1, 4, 16)  # sides of the squares that are averaged, pixels
LEAST_DEVIATION = 4.0  # levels of 255; a painting in one colour has no more along some axes


class Colors(NamedTuple):
    """The colours of an image at one scale: mean ``(1, 3)``, what whitens them, and the covariance whitened by it.

    That is the identity, but for axes along which there is less than :data:`LEAST_DEVIATION`. Both are ``(1, 3, 3)``;
    of one image for each item of a batch all are ``(N, ...)``.
    """

    mean: Any
    whitening: Any
    whitened: Any

    @classmethod
    def of(cls, image: np.ndarray, least: float = LEAST_DEVIATION) -> tuple[Colors, ...]:
        """Those of *image*, ``(H, W, 3)`` RGB 0..255, at each of :data:`SCALES`; *least* in place of the constant."""
        found = color_moments(image[None])
        return tuple(cls._at(mean.numpy(), covariance.numpy(), least) for mean, covariance in found)

    @classmethod
    def _at(cls, mean: np.ndarray, covariance: np.ndarray, least: float) -> Colors:
        variances, axes = np.linalg.eigh(covariance[0])
        roots = np.sqrt(np.maximum(variances, least**2))
        whitening = ((axes / roots) @ axes.T).astype(np.float32)
        return cls(mean, whitening[None], (whitening @ covariance[0] @ whitening)[None])

    def distance(self, own_mean: Any, own_covariance: Any) -> Any:
        """``(||W (C - C_s) W||_F^2 + ||W (m - m_s)||^2) / 3`` of means ``(N, 3)``, covariances ``(N, 3, 3)``.

        Whitened, a hue counts as much as the brightness, though paintings vary less in it.
        """
        spread = tf.matmul(tf.matmul(self.whitening, own_covariance), self.whitening) - self.whitened
        shift = tf.linalg.matvec(self.whitening, own_mean - self.mean)
        return (tf.reduce_sum(tf.square(spread), (1, 2)) + tf.reduce_sum(tf.square(shift), 1)) / 3


def color_moments(images: Any) -> list[tuple[Any, Any]]:
    """Mean and covariance of the colours of *images*, ``(N, H, W, 3)`` RGB 0..255, at each of :data:`SCALES`."""
    images = tf.cast(images, tf.float32)
    return [moments(_averaged(images, scale)) for scale in SCALES]


def color_loss(own: Sequence[tuple[Any, Any]], style: Sequence[Colors]) -> Any:
    """The mean over the scales of the distances of *own*, from :func:`color_moments`, to *style*: ``(N,)``."""
    found = [colors.distance(*at_scale) for colors, at_scale in zip(style, own, strict=True)]
    return tf.add_n(found) / len(found)


def _averaged(images: Any, scale: int) -> Any:
    """Means of squares of *scale* pixels a side; of smaller ones at the far edges."""
    return images if scale == 1 else tf.nn.avg_pool2d(images, scale, scale, "SAME")
