"""Statistics of features over all positions of an image: the Gram matrix, the mean and the covariance.

The losses and the judge both use these. A Gram matrix holds means and covariances mixed,
``C * gram = covariance + mean mean^T``, and the means rule it where activations are never negative.
"""

from __future__ import annotations

from typing import Any

from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
import tensorflow as tf

from export_pipeline.perception.distances import directions

SORTED, QUANTILES = 32, 1024


@tf.custom_gradient
def gram(features: Any) -> Any:
    """Gram matrices ``F^T F / (H W C)`` of features ``(N, H, W, C)``: ``(N, C, C)``."""
    flat, count = _positions(features)
    count *= features.shape[-1]

    def gradient(upstream: Any) -> Any:
        # One product of full size, where the rule for a product of two would make two.
        symmetric = (upstream + tf.linalg.matrix_transpose(upstream)) / count
        return tf.reshape(tf.matmul(flat, symmetric), tf.shape(features))

    return tf.matmul(flat, flat, transpose_a=True) / count, gradient


@tf.custom_gradient
def moments(features: Any) -> Any:
    """Mean ``(N, C)`` and covariance ``(N, C, C)``, over H W, of features ``(N, H, W, C)``."""
    flat, count = _positions(features)
    mean = tf.reduce_mean(flat, 1, keepdims=True)
    # Centred before the product: the difference of two large matrices would lose the digits of a small covariance.
    centred = flat - mean

    def gradient(of_mean: Any, of_covariance: Any) -> Any:
        # What moves the mean does not move the covariance, because the centred features sum to zero.
        symmetric = (of_covariance + tf.linalg.matrix_transpose(of_covariance)) / count
        slope = tf.matmul(centred, symmetric) + of_mean[:, None] / count
        return tf.reshape(slope, tf.shape(features))

    return (mean[:, 0], tf.matmul(centred, centred, transpose_a=True) / count), gradient


def gram_of_moments(mean: Any, covariance: Any) -> Any:
    """The Gram matrices ``(N, C, C)`` of features of this mean ``(N, C)`` and covariance ``(N, C, C)``."""
    channels = tf.cast(tf.shape(mean)[-1], mean.dtype)
    return (covariance + mean[:, :, None] * mean[:, None, :]) / channels


def sorted_projections(features: Any) -> Any:
    """Features ``(N, H, W, C)`` along 32 of :func:`directions`, ascending: ``(N, 32, n)``, n about 1,024 or fewer.

    Of rows and columns at an odd distance, which meets every place of a pattern with an even period.
    """
    shape = tf.shape(features)
    apart = tf.sqrt(tf.cast(shape[1] * shape[2], tf.float32) / QUANTILES)
    stride = 2 * tf.cast(tf.round((apart - 1) / 2), tf.int32) + 1
    flat, _ = _positions(features[:, ::stride, ::stride])
    along = tf.matmul(flat, directions(features.shape[-1])[:, :SORTED])
    return tf.sort(tf.linalg.matrix_transpose(along))


def evenly(ascending: Any, count: Any) -> Any:
    """*count* values of the last axis, at the middles of as many equal parts."""
    size = tf.cast(tf.shape(ascending)[-1], tf.float32)
    middles = (tf.range(count, dtype=tf.float32) + 0.5) * size / tf.cast(count, tf.float32)
    return tf.gather(ascending, tf.cast(middles, tf.int32), axis=-1)


def _positions(features: Any) -> tuple[Any, Any]:
    """Features ``(N, H, W, C)`` as ``(N, H W, C)``, and H W as a number of their kind."""
    shape = tf.shape(features)
    count = tf.cast(shape[1] * shape[2], features.dtype)
    return tf.reshape(features, (shape[0], shape[1] * shape[2], features.shape[-1])), count
