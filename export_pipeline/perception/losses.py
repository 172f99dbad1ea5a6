"""Perceptual losses: the distances that reports quote, on random crops, so that both read in the same units.

Gatys et al., "Image Style Transfer Using Convolutional Neural Networks", 2016; Johnson et al., 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from export_pipeline.perception.distances import relative, relative_squared
from export_pipeline.perception.loss_network import LossNetwork
from export_pipeline.perception.statistics import gram, moments
from export_pipeline.recipe import StyleTrainTable

EDGE_SHARES = (32, 8)
EDGE_LINES = 16  # pixels
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LOSSES = ("total", "content", "style", "tv", "edge", "color")


def total_variation(image: Any) -> Any:
    """Mean absolute difference of neighbouring pixels, over 255, of each image: ``(N,)``."""
    count, height, width, channels = tf.unstack(tf.shape(image))

    # Whole slices: the gradient of a strided one is many times slower.
    def part(top: int, left: int, rows: Any, columns: Any) -> Any:
        return tf.slice(image, (0, top, left, 0), tf.stack((count, rows, columns, channels)))

    down = tf.abs(part(1, 0, height - 1, width) - part(0, 0, height - 1, width))
    right = tf.abs(part(0, 1, height, width - 1) - part(0, 0, height, width - 1))
    return (tf.reduce_mean(down, [1, 2, 3]) + tf.reduce_mean(right, [1, 2, 3])) / 255


def edge_loss(image: Any) -> Any:
    """What zero padding leaves along the four edges: the sum of :func:`edge_jump` and :func:`edge_lines`, ``(N,)``."""
    return edge_jump(image) + edge_lines(image)


def edge_lines(image: Any) -> Any:
    """How much lines along the four edges stand out, over 255: ``(N,)``.

    Rows of pixels at distances 0 .. :data:`EDGE_LINES` from an edge are averaged along it; the loss is the mean
    absolute difference of neighbouring ones. Brush strokes average out along an edge; a frame, however thin, does not.
    """
    found = []
    for profile in (tf.reduce_mean(image, 2), tf.reduce_mean(image, 1)):
        found += [
            tf.abs(part[:, 1:] - part[:, :-1])
            for part in (profile[:, : EDGE_LINES + 1], profile[:, ::-1][:, : EDGE_LINES + 1])
        ]
    return tf.add_n([tf.reduce_mean(part, [1, 2]) for part in found]) / (4 * 255)


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


def _gram_statistics(network: LossNetwork, layer: str, features: Any) -> tuple[Any, ...]:
    return (network.embedded_matrix(gram(features), layer),)


def _moment_statistics(network: LossNetwork, layer: str, features: Any) -> tuple[Any, ...]:
    mean, covariance = moments(features)
    return network.embedded_matrix(covariance, layer), network.embedded_mean(mean, layer)


@dataclass(frozen=True)
class StyleLoss:
    """What is compared of the features of a layer, and how far apart two of those are.

    The style loss is the mean over the layers of the sum over the statistics.
    """

    statistics: Callable[[LossNetwork, str, Any], tuple[Any, ...]]
    distance: Callable[[Any, Any], Any]


STYLE_LOSSES = {
    # Squared, so that the statistic that is farthest off pulls the most.
    "moments": StyleLoss(_moment_statistics, relative_squared),
    # As published. A network lowers it by painting the mean colour: the means of the features rule it.
    "gram": StyleLoss(_gram_statistics, relative),
}


@dataclass(frozen=True)
class _Style:
    """What a style image asks for: its share, statistics of each style layer, and mean and covariance of its pixels."""

    share: float
    statistics: list[tuple[Any, ...]]
    pixels: tuple[Any, ...]


class PerceptualLoss:
    """Weighted sum of the content distance, the style and colour losses, the total variation and the jump at the edges.

    The statistics of the style images are computed once.
    """

    def __init__(
        self,
        network: LossNetwork,
        style: np.ndarray | Sequence[np.ndarray],
        table: StyleTrainTable,
        shares: Sequence[float] = (1.0,),
    ) -> None:
        """*style* is an ``(H, W, 3)`` uint8 RGB image, or several; each is resized to ``style_size`` squared.

        The style and colour losses are the sums of those to each image, weighted by *shares*.
        """
        self._table, self._network = table, network
        self._style_loss = STYLE_LOSSES[table.style_loss]
        self._features = network.features(STYLE_LAYERS)
        # The photo needs no layer above its own: a shallower network saves its forward pass.
        self._content_features = network.features((table.content_layer,))
        styles = (style,) if isinstance(style, np.ndarray) else style
        self._styles = [self._seen(image, share) for share, image in zip(shares, styles, strict=True)]

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
        features = self._features(output)
        of_content = features[STYLE_LAYERS.index(table.content_layer)]
        content = relative(self._network.embedded(of_content, table.content_layer) - wanted, wanted)
        # A gradient that is multiplied by nothing would cost as much as any other.
        colored = output if table.color_weight else tf.stop_gradient(output)
        statistics, pixels = self._statistics(features), moments(colored)
        style = tf.add_n([one.share * self._style_distance(statistics, one) for one in self._styles])
        color = tf.add_n([one.share * _sum_of(relative_squared, pixels, one.pixels) for one in self._styles])
        parts = (content, style, total_variation(output), edge_loss(output), color)
        weights = (table.content_weight, table.style_weight, table.tv_weight, table.edge_weight, table.color_weight)
        total = tf.add_n([weight * part for weight, part in zip(weights, parts, strict=True)])
        return dict(zip(LOSSES, (total, *parts), strict=True))

    def _style_distance(self, statistics: list[tuple[Any, ...]], style: _Style) -> Any:
        pairs = zip(statistics, style.statistics, strict=True)
        distances = [_sum_of(self._style_loss.distance, own, wanted) for own, wanted in pairs]
        return tf.add_n(distances) / len(distances)

    def _statistics(self, features: Sequence[Any]) -> list[tuple[Any, ...]]:
        layers = zip(STYLE_LAYERS, features, strict=True)
        return [self._style_loss.statistics(self._network, name, layer) for name, layer in layers]

    def _seen(self, style: np.ndarray, share: float) -> _Style:
        square = Image.fromarray(style).resize((self._table.style_size,) * 2, Image.Resampling.LANCZOS)
        image = np.asarray(square, np.float32)[None]
        statistics = [_constants(layer) for layer in self._statistics(self._features(image))]
        return _Style(share, statistics, _constants(moments(tf.constant(image))))


def _sum_of(distance: Callable[[Any, Any], Any], own: Sequence[Any], wanted: Sequence[Any]) -> Any:
    return tf.add_n([distance(one - other, other) for one, other in zip(own, wanted, strict=True)])


def _constants(tensors: Sequence[Any]) -> tuple[Any, ...]:
    """*tensors* by value, so that graphs built from now on hold them and not what made them."""
    return tuple(tf.constant(tensor.numpy()) for tensor in tensors)
