"""Perceptual losses: the distances that reports quote, on random crops, so that both read in the same units.

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

EDGE_SHARES = (32, 8)
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LOSSES = ("total", "content", "style", "tv", "edge")


def gram(features: Any) -> Any:
    """Gram matrices ``F^T F / (H W C)`` of features ``(N, H, W, C)``: ``(N, C, C)``."""
    shape = tf.shape(features)
    channels = features.shape[-1]
    flat = tf.reshape(features, (shape[0], shape[1] * shape[2], channels))
    return tf.matmul(flat, flat, transpose_a=True) / tf.cast(shape[1] * shape[2] * channels, features.dtype)


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


def edge_jump(image: Any) -> Any:
    """Mean absolute jump from the strips along the four edges to the strips beside them, over 255: ``(N,)``.

    Zero padding tells a network where the edges are. Left alone it paints a glaring strip there, the same for
    every photograph, which fixes the mean and the deviation that instance norm would take from the photograph.
    Strips of a thirty-second and of an eighth of the side are compared, each averaged over its width.
    """
    jumps = []
    for turned in (
        image,
        image[:, ::-1],
        tf.transpose(image, (0, 2, 1, 3)),
        tf.transpose(image[:, :, ::-1], (0, 2, 1, 3)),
    ):
        for share in EDGE_SHARES:
            width = tf.shape(turned)[1] // share
            outer, inner = turned[:, :width], turned[:, width : 2 * width]
            difference = tf.reduce_mean(outer, 1) - tf.reduce_mean(inner, 1)
            jumps.append(tf.reduce_mean(tf.abs(difference), [1, 2]))
    return tf.add_n(jumps) / (255 * len(jumps))


class PerceptualLoss:
    """Weighted sum of the content distance, the style distance, the total variation and the jump at the edges.

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
        distances = [relative(gram(f) - g, g) for f, g in zip(features, self._grams, strict=True)]
        style = tf.add_n(distances) / len(distances)
        parts = (content, style, total_variation(output), edge_jump(output))
        table = self._table
        weights = (table.content_weight, table.style_weight, table.tv_weight, table.edge_weight)
        total = tf.add_n([weight * part for weight, part in zip(weights, parts, strict=True)])
        return dict(zip(LOSSES, (total, *parts), strict=True))
