"""Perceptual losses: the distances that reports quote, on random crops, so that both read in the same units.

Gatys et al., "Image Style Transfer Using Convolutional Neural Networks", 2016; Johnson et al., 2016.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from export_pipeline.perception.loss_network import LossNetwork
from export_pipeline.recipe import StyleTrainTable

EDGE_SHARES = (32, 8)
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LOSSES = ("total", "content", "style", "tv", "edge")


@tf.custom_gradient
def gram(features: Any) -> Any:
    """Gram matrices ``F^T F / (H W C)`` of features ``(N, H, W, C)``: ``(N, C, C)``."""
    shape = tf.shape(features)
    channels = features.shape[-1]
    flat = tf.reshape(features, (shape[0], shape[1] * shape[2], channels))
    count = tf.cast(shape[1], features.dtype) * tf.cast(shape[2] * channels, features.dtype)

    def gradient(upstream: Any) -> Any:
        # One product of full size, where the rule for a product of two would make two.
        symmetric = (upstream + tf.linalg.matrix_transpose(upstream)) / count
        return tf.reshape(tf.matmul(flat, symmetric), shape)

    return tf.matmul(flat, flat, transpose_a=True) / count, gradient


def relative(difference: Any, reference: Any) -> Any:
    """``||difference||_F / ||reference||_F`` of each item of a batch: ``(N,)``."""
    axes = list(range(1, len(difference.shape)))
    # The floor keeps the gradient of the root finite where the difference vanishes.
    squares = tf.maximum(tf.reduce_sum(tf.square(difference), axes), 1e-12)
    return tf.sqrt(squares) / tf.sqrt(tf.reduce_sum(tf.square(reference), axes))


def total_variation(image: Any) -> Any:
    """Mean absolute difference of neighbouring pixels, over 255, of each image: ``(N,)``."""
    count, height, width, channels = tf.unstack(tf.shape(image))

    # Whole slices: the gradient of a strided one is many times slower.
    def part(top: int, left: int, rows: Any, columns: Any) -> Any:
        return tf.slice(image, (0, top, left, 0), tf.stack((count, rows, columns, channels)))

    down = tf.abs(part(1, 0, height - 1, width) - part(0, 0, height - 1, width))
    right = tf.abs(part(0, 1, height, width - 1) - part(0, 0, height, width - 1))
    return (tf.reduce_mean(down, [1, 2, 3]) + tf.reduce_mean(right, [1, 2, 3])) / 255


def edge_jump(image: Any) -> Any:
    """Mean absolute jump from the strips along the four edges to the strips beside them, over 255: ``(N,)``.

    Zero padding tells a network where the edges are. Left alone it paints a glaring strip there, the same for
    every photograph, which fixes the mean and the deviation that instance norm would take from the photograph.
    Strips of a thirty-second and of an eighth of the side are compared, each averaged over its width.
    """
    count, height, width, channels = tf.unstack(tf.shape(image))
    # As two products with matrices of few rows, whose gradients cost as little as they do.
    rows = tf.reshape(image, (count, height, width * channels))
    across = tf.matmul(_strips(height), rows)
    each = tf.einsum("kw,cd->wckd", _strips(width), tf.eye(channels))
    along = tf.matmul(rows, tf.reshape(each, (width * channels, -1)))
    return (tf.reduce_mean(tf.abs(across), [1, 2]) + tf.reduce_mean(tf.abs(along), [1, 2])) / (2 * 255)


def _strips(side: Any) -> Any:
    """For both ends of *side* pixels and each of the shares a row that takes one strip's mean from the other's."""
    places = tf.range(side)
    found = []
    for share in EDGE_SHARES:
        width = tf.maximum(1, side // share)
        outer, inner = places < width, (places >= width) & (places < 2 * width)
        row = (tf.cast(outer, tf.float32) - tf.cast(inner, tf.float32)) / tf.cast(width, tf.float32)
        found += [row, row[::-1]]
    return tf.stack(found)


class PerceptualLoss:
    """Weighted sum of the content distance, the style distance, the total variation and the jump at the edges.

    The Gram matrices of the style images are computed once.
    """

    def __init__(
        self,
        network: LossNetwork,
        style: np.ndarray | Sequence[np.ndarray],
        table: StyleTrainTable,
        shares: Sequence[float] = (1.0,),
    ) -> None:
        """*style* is an ``(H, W, 3)`` uint8 RGB image, or several; each is resized to ``style_size`` squared.

        The style distance is the sum of those to each image, weighted by *shares*.
        """
        self._table, self._network = table, network
        self._features = network.features(STYLE_LAYERS)
        # The photo needs no layer above its own: a shallower network saves its forward pass.
        self._content_features = network.features((table.content_layer,))
        styles = (style,) if isinstance(style, np.ndarray) else style
        self._styles = [(share, self._grams_of(image)) for share, image in zip(shares, styles, strict=True)]

    def __call__(self, photo: Any, output: Any) -> dict[str, Any]:
        """The losses of *output* for *photo*, both ``(N, H, W, 3)`` RGB 0..255: ``(N,)`` by the names in LOSSES."""
        return self.losses(output, self.content(photo))

    def content(self, photo: Any) -> Any:
        """What :meth:`losses` holds an output against: worth keeping where one photo is compared many times."""
        layer = self._table.content_layer
        return tf.stop_gradient(self._network.embedded(self._content_features(photo), layer))

    def losses(self, output: Any, wanted: Any) -> dict[str, Any]:
        """As the call, for a photo whose :meth:`content` is *wanted*."""
        table = self._table
        features = dict(self._named(self._features(output)))
        content = relative(self._network.embedded(features[table.content_layer], table.content_layer) - wanted, wanted)
        grams = [self._gram(layer, name) for name, layer in features.items()]
        style = tf.add_n([share * self._style_distance(grams, wanted) for share, wanted in self._styles])
        parts = (content, style, total_variation(output), edge_jump(output))
        weights = (table.content_weight, table.style_weight, table.tv_weight, table.edge_weight)
        total = tf.add_n([weight * part for weight, part in zip(weights, parts, strict=True)])
        return dict(zip(LOSSES, (total, *parts), strict=True))

    @staticmethod
    def _style_distance(grams: list[Any], wanted: list[Any]) -> Any:
        distances = [relative(own - style, style) for own, style in zip(grams, wanted, strict=True)]
        return tf.add_n(distances) / len(distances)

    def _grams_of(self, style: np.ndarray) -> list[Any]:
        square = Image.fromarray(style).resize((self._table.style_size,) * 2, Image.Resampling.LANCZOS)
        features = self._features(np.asarray(square, np.float32)[None])
        return [tf.constant(self._gram(layer, name).numpy()) for name, layer in self._named(features)]

    def _gram(self, features: Any, layer: str) -> Any:
        return self._network.embedded_gram(gram(features), layer)

    @staticmethod
    def _named(features: list[Any]) -> Iterator[tuple[str, Any]]:
        return zip(STYLE_LAYERS, features, strict=True)
