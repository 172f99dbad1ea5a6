"""The colour loss: how far the colours of a picture are from those of a painting, at several scales.

What the eye takes for the colours of a picture are means over some pixels. A network that is asked for the distribution
of single pixels alone paints fine lines of yellow and blue in turn, which look gray.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from export_pipeline.perception.statistics import moments

SCALES = (1, 4, 16)  # sides of the squares that are averaged, pixels
LEAST_DEVIATION = 4.0  # levels of 255; a painting in one colour has no more along some axes


@dataclass(frozen=True)
class Colors:
    """The colours of an image at one scale: mean ``(3,)``, what whitens them, and the covariance whitened by it.

    That is the identity, but for axes along which there is less than :data:`LEAST_DEVIATION`.
    """

    mean: Any
    whitening: Any
    whitened: Any

    @classmethod
    def of(cls, image: np.ndarray) -> tuple[Colors, ...]:
        """Those of *image*, ``(H, W, 3)`` RGB 0..255, at each of :data:`SCALES`."""
        return tuple(cls._at(image, scale) for scale in SCALES)

    @classmethod
    def _at(cls, image: np.ndarray, scale: int) -> Colors:
        mean, covariance = (part[0].numpy() for part in moments(_averaged(tf.constant(image[None], tf.float32), scale)))
        variances, axes = np.linalg.eigh(covariance)
        roots = np.sqrt(np.maximum(variances, LEAST_DEVIATION**2))
        whitening = ((axes / roots) @ axes.T).astype(np.float32)
        return cls(mean, whitening, whitening @ covariance @ whitening)

    def distance(self, own_mean: Any, own_covariance: Any) -> Any:
        """``(||W (C - C_s) W||_F^2 + ||W (m - m_s)||^2) / 3`` of means ``(N, 3)``, covariances ``(N, 3, 3)``.

        Whitened, a hue counts as much as the brightness, though paintings vary less in it.
        """
        spread = tf.matmul(tf.matmul(self.whitening, own_covariance), self.whitening) - self.whitened
        shift = tf.matmul(own_mean - self.mean, self.whitening)
        return (tf.reduce_sum(tf.square(spread), (1, 2)) + tf.reduce_sum(tf.square(shift), 1)) / 3


def color_loss(output: Any, styles: list[tuple[Colors, ...]], shares: list[float]) -> Any:
    """The mean over the scales of the distances of *output* ``(N, H, W, 3)`` to *styles*, by *shares*: ``(N,)``."""
    found = []
    for index, scale in enumerate(SCALES):
        own = moments(_averaged(output, scale))
        found += [share * colors[index].distance(*own) for share, colors in zip(shares, styles, strict=True)]
    return tf.add_n(found) / len(SCALES)


def _averaged(images: Any, scale: int) -> Any:
    """Means of squares of *scale* pixels a side; of smaller ones at the far edges."""
    return images if scale == 1 else tf.nn.avg_pool2d(images, scale, scale, "SAME")
