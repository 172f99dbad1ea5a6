"""Perceptual losses: the distances that reports quote, on random crops, so that both read in the same units.

Gatys et al., "Image Style Transfer Using Convolutional Neural Networks", 2016; Johnson et al., 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
import numpy as np
import tensorflow as tf
from PIL import Image

from export_pipeline.perception.color_loss import LEAST_DEVIATION, Colors, color_loss, color_moments
from export_pipeline.perception.distances import relative, relative_squared
from export_pipeline.perception.loss_network import LossNetwork
from export_pipeline.perception.pixel_losses import edge_loss, total_variation, weave_loss, without_border
from export_pipeline.perception.statistics import evenly, gram, moments, sorted_projections
from export_pipeline.recipe import PerceptualTrainTable

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LOSSES = ("total", "content", "style", "tv", "edge", "color")
LEAST_SQUARED = 1e-8  # under a root, whose gradient is infinite at 0
OPTIONAL = ("weave", "wasserstein")  # slow ones, computed only where they have a weight


STABILITY = "stability"  # takes a second look at the network, on a disturbed photograph


def loss_names(table: PerceptualTrainTable) -> tuple[str, ...]:
    """:data:`LOSSES`, and those of :data:`OPTIONAL` and :data:`STABILITY` that *table* gives a weight."""
    return (*LOSSES, *(name for name in (*OPTIONAL, STABILITY) if getattr(table, f"{name}_weight")))


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


class StyleTarget(NamedTuple):
    """What a style image asks for: statistics and projections of each style layer, and its colours.

    Tensors of one style, ``(1, ...)``, which all items of a batch are held against, or of one an item, ``(N, ...)``.
    """

    statistics: tuple[tuple[Any, ...], ...]
    projections: tuple[Any, ...]
    colors: tuple[Colors, ...]

    @classmethod
    def stacked(cls, targets: Sequence[StyleTarget]) -> StyleTarget:
        """*targets* of one style each as one ``(N, ...)``, of which :meth:`taken` takes some."""
        made: StyleTarget = tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *targets)
        return made

    def taken(self, index: Any) -> StyleTarget:
        """Those at *index*, ``(N,)`` int32."""
        taken: StyleTarget = tf.nest.map_structure(lambda part: tf.gather(part, index), self)
        return taken


class PerceptualLoss:
    """Weighted sum of the content distance, the style and colour losses, the total variation and the jump at the edges.

    The statistics of the style images are computed once.
    """

    def __init__(
        self,
        network: LossNetwork,
        style: np.ndarray | Sequence[np.ndarray],
        table: PerceptualTrainTable,
        shares: Sequence[float] = (1.0,),
        least_deviation: float = LEAST_DEVIATION,
    ) -> None:
        """*style* is an ``(H, W, 3)`` uint8 RGB image, or several; each is resized to ``style_size`` squared.

        The style and colour losses are the sums of those to each image, weighted by *shares*. The colours of a style
        are taken to deviate by *least_deviation*, levels of 255, or more.
        """
        self._least_deviation = least_deviation
        self._table, self._network = table, network
        self._style_loss = STYLE_LOSSES[table.style_loss]
        self._layers = STYLE_LAYERS * table.style_scales
        self._features = network.features(STYLE_LAYERS)
        # The photo needs no layer above its own: a shallower network saves its forward pass.
        self._content_features = network.features((table.content_layer,))
        styles = (style,) if isinstance(style, np.ndarray) else style
        self._styles = [(share, self.target(image)) for share, image in zip(shares, styles, strict=True)]

    def __call__(self, photo: Any, output: Any, target: StyleTarget | None = None) -> dict[str, Any]:
        """The losses of *output* for *photo*, both ``(N, H, W, 3)`` RGB 0..255: ``(N,)`` by :func:`loss_names`.

        *target* is held against in place of the style images, where it is given.
        """
        return self.losses(output, self.content(photo), target)

    def content(self, photo: Any) -> Any:
        """What :meth:`losses` holds an output against: worth keeping where one photo is compared many times."""
        layer, inner = self._table.content_layer, without_border(photo, self._table.loss_border)
        return tf.stop_gradient(self._network.embedded(self._content_features(inner), layer))

    def losses(self, output: Any, wanted: Any, target: StyleTarget | None = None) -> dict[str, Any]:
        """As the call, for a photo whose :meth:`content` is *wanted*."""
        table, edges = self._table, edge_loss(output)
        styles = self._styles if target is None else [(1.0, target)]
        output = without_border(output, table.loss_border)
        features = self._looks(output)
        of_content = features[STYLE_LAYERS.index(table.content_layer)]
        content = relative(self._network.embedded(of_content, table.content_layer) - wanted, wanted)
        statistics = self._statistics(features)
        # A gradient that is multiplied by nothing would cost as much as any other.
        colors = color_moments(output if table.color_weight else tf.stop_gradient(output))
        parts = {
            "content": content,
            "style": _shared(styles, lambda one: self._style_distance(statistics, one)),
            "tv": total_variation(output),
            "edge": edges,
            "color": _shared(styles, lambda one: color_loss(colors, one.colors)),
        }
        if table.weave_weight:
            parts["weave"] = weave_loss(output)
        if table.wasserstein_weight:
            projections = self._projections(features)
            power = table.wasserstein_power
            parts["wasserstein"] = _shared(styles, lambda one: _wasserstein(projections, one.projections, power))
        total = tf.add_n([getattr(table, f"{name}_weight") * part for name, part in parts.items()])
        return {"total": total, **parts}

    def target(self, style: np.ndarray) -> StyleTarget:
        """What *style*, ``(H, W, 3)`` uint8 RGB, asks for, resized to ``style_size`` squared."""
        square = Image.fromarray(style).resize((self._table.style_size,) * 2, Image.Resampling.LANCZOS)
        image = np.asarray(square, np.float32)[None]
        features = self._looks(image)
        statistics = tuple(_constants(layer) for layer in self._statistics(features))
        return StyleTarget(
            statistics, _constants(self._projections(features)), Colors.of(image[0], self._least_deviation)
        )

    def _looks(self, image: Any) -> list[Any]:
        """Features of the style layers of *image*, then at half its size, and so on: ``style_scales`` sizes."""
        looks: list[Any] = []
        for scale in range(self._table.style_scales):
            image = tf.nn.avg_pool2d(image, 2, 2, "VALID") if scale else image
            looks += self._features(image)
        return looks

    def _projections(self, features: Sequence[Any]) -> list[Any]:
        layers = zip(self._layers, features, strict=True)
        return [sorted_projections(self._network.embedded(layer, name)) for name, layer in layers]

    def _style_distance(self, statistics: list[tuple[Any, ...]], style: StyleTarget) -> Any:
        pairs = zip(statistics, style.statistics, strict=True)
        distances = [_sum_of(self._style_loss.distance, own, wanted) for own, wanted in pairs]
        return tf.add_n(distances) / len(distances)

    def _statistics(self, features: Sequence[Any]) -> list[tuple[Any, ...]]:
        layers = zip(self._layers, features, strict=True)
        return [self._style_loss.statistics(self._network, name, layer) for name, layer in layers]


def _shared(styles: Sequence[tuple[float, StyleTarget]], distance: Callable[[StyleTarget], Any]) -> Any:
    """The sum over *styles* of *distance* to each, by their shares."""
    return tf.add_n([share * distance(one) for share, one in styles])


def _wasserstein(own: Sequence[Any], wanted: Sequence[Any], power: int) -> Any:
    """Mean over the layers of a *power*, 1 or 2, of the sliced 2-Wasserstein distance in deviations of *wanted*.

    Heitz et al., "A Sliced Wasserstein Loss for Neural Texture Synthesis", CVPR 2021.
    """
    distances = []
    for mine, its in zip(own, wanted, strict=True):
        target = evenly(its, tf.shape(mine)[-1])
        spread = tf.reduce_mean(tf.math.reduce_variance(its, -1), -1)
        squared = tf.reduce_mean(tf.square(mine - target), (1, 2)) / spread
        distances.append(squared if power == 2 else tf.sqrt(squared + LEAST_SQUARED))
    return tf.add_n(distances) / len(distances)


def _sum_of(distance: Callable[[Any, Any], Any], own: Sequence[Any], wanted: Sequence[Any]) -> Any:
    return tf.add_n([distance(one - other, other) for one, other in zip(own, wanted, strict=True)])


def _constants(tensors: Sequence[Any]) -> tuple[Any, ...]:
    """*tensors* by value, so that graphs built from now on hold them and not what made them."""
    return tuple(tf.constant(tensor.numpy()) for tensor in tensors)
