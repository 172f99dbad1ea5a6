"""Perceptual losses, written as the distances that reports quote, so that both read in the same units.

Gatys et al., "Image Style Transfer Using Convolutional Neural Networks", 2016; Johnson et al., 2016.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

import models
from export_pipeline.recipe import TrainTable
from export_pipeline.train.weights import Weights

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LOSSES = ("total", "content", "style", "tv")


def gram(features: Any) -> Any:
    """Gram matrices ``F^T F / (H W C)`` of features ``(N, H, W, C)``: ``(N, C, C)``."""
    shape = tf.shape(features)
    channels = features.shape[-1]
    flat = tf.reshape(features, (shape[0], shape[1] * shape[2], channels))
    return tf.matmul(flat, flat, transpose_a=True) / tf.cast(shape[1] * shape[2] * channels, features.dtype)


def _interior(features: Any) -> Any:
    """*features* without an eighth of the height and width at each edge."""
    top, left = features.shape[1] // 8, features.shape[2] // 8
    return features[:, top : features.shape[1] - top, left : features.shape[2] - left]


def relative(difference: Any, reference: Any) -> Any:
    """``||difference||_F / ||reference||_F`` of each item of a batch: ``(N,)``."""
    axes = list(range(1, len(difference.shape)))
    # The floor keeps the gradient of the root finite where the difference vanishes.
    squares = tf.maximum(tf.reduce_sum(tf.square(difference), axes), 1e-12)
    return tf.sqrt(squares) / tf.sqrt(tf.reduce_sum(tf.square(reference), axes))


def total_variation(image: Any) -> Any:
    """Mean absolute difference of neighbouring pixels, over 255, of each image: ``(N,)``."""
    down = tf.abs(image[:, 1:] - image[:, :-1])
    right = tf.abs(image[:, :, 1:] - image[:, :, :-1])
    return (tf.reduce_mean(down, [1, 2, 3]) + tf.reduce_mean(right, [1, 2, 3])) / 255


class PerceptualLoss:
    """Weighted sum of the content distance, the style distance and the total variation.

    The style is judged on the inner part of the outputs. Zero padding lets a network know where the edges
    are, and one that is judged up to them learns to paint a strip of the style's rarest colours there.
    The Gram matrices of the style image are computed once.
    """

    def __init__(self, weights: Weights, style: np.ndarray, table: TrainTable) -> None:
        """*style* is an ``(H, W, 3)`` uint8 RGB image; it is resized to ``style_size`` squared."""
        self._table = table
        self._content_index = STYLE_LAYERS.index(table.content_layer)
        self._features = models.vgg19(weights, STYLE_LAYERS)
        # The photo needs no layer above its own: a shallower network saves its forward pass.
        self._content_features = models.vgg19(weights, (table.content_layer,))
        square = Image.fromarray(style).resize((table.style_size,) * 2, Image.Resampling.LANCZOS)
        features = self._features(np.asarray(square, np.float32)[None])
        self._grams = [tf.constant(gram(layer).numpy()) for layer in features]

    def __call__(self, photo: Any, output: Any) -> dict[str, Any]:
        """The losses of *output* for *photo*, both ``(N, H, W, 3)`` RGB 0..255: ``(N,)`` by the names in LOSSES."""
        wanted = tf.stop_gradient(self._content_features(photo))
        features = self._features(output)
        content = relative(features[self._content_index] - wanted, wanted)
        distances = [relative(gram(_interior(f)) - g, g) for f, g in zip(features, self._grams, strict=True)]
        style = tf.add_n(distances) / len(distances)
        variation = total_variation(output)
        table = self._table
        total = table.content_weight * content + table.style_weight * style + table.tv_weight * variation
        return dict(zip(LOSSES, (total, content, style, variation), strict=True))
