"""How well a picture carries the style and keeps the photograph, in the eyes of VGG-19.

The distances are those of :class:`Distances`, relative so that layers count alike. No single one tells all: a Gram
matrix is ruled by the means of the features, so its distance falls where the mean colour is painted; covariances hold
the texture; patches show what is empty; pixels show the colours. Gatys et al., "A Neural Algorithm of Artistic Style",
2015; Heitz et al., "A Sliced Wasserstein Loss for Neural Texture Synthesis", 2021.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from export_pipeline.base.cores import cores
from export_pipeline.base.images import check_image
from export_pipeline.records.distances import Distances

from export_pipeline.models.vgg import vgg19  # isort: skip - loads TensorFlow quietly
import tensorflow as tf

from export_pipeline.perception.distances import (
    nearest_patch_distance,
    projected_quantiles,
    relative_squared,
    sliced_wasserstein,
)
from export_pipeline.perception.statistics import gram_of_moments, moments
from export_pipeline.perception.weave import local_weave, weave

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu3_1"
STYLE_SIDE = 512
PATCH_SIDE, PATCH_STRIDE = 96, 64
PATCHES_AT_ONCE = 16  # as many as keep their features below 200 MB
LEAST_WASSERSTEIN = 1e-12
LEAST_DISTANCE = 1e-6


@dataclass(frozen=True)
class Reference:
    """A photograph as the judge sees it, which pictures made of it are compared with.

    ``content``: features ``(1, h, w, C)`` at relu3_1; ``mirrored``: those of the photograph mirrored left to right.
    ``wasserstein``: sliced Wasserstein distance of the untouched photograph to the style, one for each style layer.
    """

    content: Any
    mirrored: Any
    wasserstein: np.ndarray


@dataclass(frozen=True)
class _Seen:
    """What is compared of one image: features at relu3_1, statistics and projections of each style layer."""

    content: Any
    means: list[Any]
    covariances: list[Any]
    projections: list[np.ndarray]


class StyleJudge:
    """Judges pictures against one style.

    Images are ``(H, W, 3)`` RGB 0..255, uint8 or float, sides of 16 or more.

    Args:
        weights: VGG-19's, kernel and bias by layer name, as ``models.vgg.vgg19`` takes them.
        style: the style image, ``(H, W, 3)`` RGB uint8 of any size.
        style_side: the style is resized to so many pixels a side; distances are defined for 512.
    """

    def __init__(
        self,
        weights: Mapping[str, tuple[np.ndarray, np.ndarray]],
        style: np.ndarray,
        style_side: int = STYLE_SIDE,
    ) -> None:
        check_image(style)
        network = vgg19(weights, STYLE_LAYERS)
        compiled = partial(tf.function, reduce_retracing=True, autograph=False)  # nothing branches on a tensor
        self._features = compiled(lambda images: network(images, training=False))
        self._moments = compiled(lambda images: [moments(layer) for layer in network(images)])
        square = np.asarray(Image.fromarray(style).resize((style_side, style_side), Image.Resampling.LANCZOS))
        self._style = self._seen(square)
        self._style_patches = self._patch_covariances(square)
        self._style_pixels = projected_quantiles(square)

    def reference(self, photograph: np.ndarray) -> Reference:
        """What :meth:`distances` compares with: worth keeping where several pictures of one photograph are judged."""
        seen = self._seen(photograph)
        return Reference(seen.content, self._content(photograph[:, ::-1]), self._wasserstein(seen))

    def distances(self, image: np.ndarray, reference: Reference) -> Distances:
        """All distances of *image*, of the size of the photograph of *reference*.

        The photograph itself has content 0 and sliced Wasserstein 1: the baseline.
        """
        seen, style = self._seen(image), self._style
        grams, style_grams = (map(gram_of_moments, one.means, one.covariances) for one in (seen, style))
        content, mirrored = (_mean_relative([seen.content], [one]) for one in (reference.content, reference.mirrored))
        ratios = self._wasserstein(seen) / np.maximum(reference.wasserstein, LEAST_WASSERSTEIN)
        return Distances(
            content_distance=content,
            content_ratio=content / max(mirrored, LEAST_DISTANCE),
            style_distance=_mean_relative(grams, style_grams),
            covariance_distance=_mean_relative(seen.covariances, style.covariances),
            mean_distance=_mean_relative(seen.means, style.means),
            sliced_wasserstein_distance=float(np.mean(ratios)),
            local_distance=nearest_patch_distance(self._patch_covariances(image), self._style_patches),
            color_distance=sliced_wasserstein(projected_quantiles(image), self._style_pixels),
            weave=weave(image),
            local_weave=local_weave(image),
        )

    def quality(self, network: Any, photographs: Sequence[np.ndarray]) -> Distances:
        """Mean distances of what a Keras *network* makes of *photographs*, ``(H, W, 3)`` uint8."""
        outputs = [network(photo[None].astype(np.float32), training=False)[0].numpy() for photo in photographs]
        return self.mean_distances(outputs, self.references(photographs))

    def baseline(self, photographs: Sequence[np.ndarray]) -> Distances:
        """Mean distances of *photographs* as they are, which a network that is of any use must better."""
        return self.mean_distances(photographs, self.references(photographs))

    def references(self, photographs: Sequence[np.ndarray]) -> list[Reference]:
        """:meth:`reference` of each of *photographs*, side by side."""
        with ThreadPoolExecutor(cores()) as pool:
            return list(pool.map(self.reference, photographs))

    def mean_distances(self, pictures: Sequence[np.ndarray], references: Sequence[Reference]) -> Distances:
        """Mean of the :meth:`distances` of *pictures* to the reference of each, measured side by side.

        Raises:
            ValueError: their numbers differ.
        """
        if len(pictures) != len(references):
            raise ValueError(f"{len(pictures)} pictures for {len(references)} references")
        # Half of the work has one thread however many cores there are, and all of it where a build trains in shares.
        with ThreadPoolExecutor(cores()) as pool:
            return Distances.mean(list(pool.map(self.distances, pictures, references)))

    def _content(self, image: np.ndarray) -> Any:
        return self._features(image.astype(np.float32)[None])[STYLE_LAYERS.index(CONTENT_LAYER)]

    def _wasserstein(self, seen: _Seen) -> np.ndarray:
        pairs = zip(seen.projections, self._style.projections, strict=True)
        return np.array([sliced_wasserstein(own, style) for own, style in pairs])

    def _seen(self, image: np.ndarray) -> _Seen:
        features = self._features(image.astype(np.float32)[None])
        means, covariances = zip(*(moments(layer) for layer in features), strict=True)
        projections = [projected_quantiles(layer.numpy()) for layer in features]
        return _Seen(features[STYLE_LAYERS.index(CONTENT_LAYER)], list(means), list(covariances), projections)

    def _patch_covariances(self, image: np.ndarray) -> list[Any]:
        """The covariances of the patches of *image* at each style layer, ``(P, C, C)``; a patch is seen alone."""
        patches = patches_of(image)
        batches = [patches[first : first + PATCHES_AT_ONCE] for first in range(0, len(patches), PATCHES_AT_ONCE)]
        found = [[covariance for _, covariance in self._moments(batch)] for batch in batches]
        return [tf.concat(layer, 0) for layer in zip(*found, strict=True)]


def patches_of(image: np.ndarray) -> np.ndarray:
    """The 96x96 patches of *image* ``(H, W, 3)`` at a stride of 64, float32; of a shorter side, all of it."""
    height, width = (min(PATCH_SIDE, side) for side in image.shape[:2])
    windows = np.lib.stride_tricks.sliding_window_view(image, (height, width), (0, 1))[::PATCH_STRIDE, ::PATCH_STRIDE]
    return windows.transpose(0, 1, 3, 4, 2).reshape(-1, height, width, image.shape[2]).astype(np.float32)


def _mean_relative(own: Iterable[Any], wanted: Iterable[Any]) -> float:
    """Mean over the layers of ``||own - wanted||_F / ||wanted||_F``."""
    squares = [relative_squared(one - other, other)[0] for one, other in zip(own, wanted, strict=True)]
    return float(np.mean(np.sqrt(squares)))
