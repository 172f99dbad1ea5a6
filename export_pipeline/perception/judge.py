"""How well an image carries the style and keeps the photograph, in the eyes of VGG-19.

- style distance of image y to style s: mean over relu1_1, relu2_1, relu3_1, relu4_1 of
  ``||G(y) - G(s)||_F / ||G(s)||_F`` with ``G = F^T F / (H W C)`` and *s* resized to 512x512;
- content distance of y to photograph c: ``||F(y) - F(c)||_F / ||F(c)||_F`` at relu3_1.

Smaller is better for both. After Gatys et al., "A Neural Algorithm of Artistic Style", 2015, made
relative so that layers weigh alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from export_pipeline.base.images import check_image
from export_pipeline.records.rounds import Quality

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu3_1"
STYLE_SIDE = 512


class StyleJudge:
    """Judges images against one style.

    Args:
        weights: VGG-19's, kernel and bias by layer name, as ``models.vgg.vgg19`` takes them.
        style: the style image, ``(H, W, 3)`` RGB uint8 of any size.
    """

    def __init__(self, weights: Mapping[str, tuple[np.ndarray, np.ndarray]], style: np.ndarray) -> None:
        from models.vgg import vgg19

        check_image(style)
        self._network = vgg19(weights, STYLE_LAYERS)
        square = Image.fromarray(style).resize((STYLE_SIDE, STYLE_SIDE), Image.Resampling.LANCZOS)
        self._style = [gram(features) for features in self._features(np.asarray(square))]

    def style_distance(self, image: np.ndarray) -> float:
        """Style distance of *image*, ``(H, W, 3)`` RGB 0..255, uint8 or float, sides of 16 or more."""
        return self._style_of(self._features(image))

    def content_distance(self, image: np.ndarray, photograph: np.ndarray) -> float:
        """Content distance of *image* to *photograph*; both ``(H, W, 3)`` RGB 0..255 of one size."""
        return relative(self.content_features(image), self.content_features(photograph))

    def content_features(self, photograph: np.ndarray) -> np.ndarray:
        """What :meth:`distances` compares with: a photograph's activations, worth keeping between images."""
        return self._features(photograph)[STYLE_LAYERS.index(CONTENT_LAYER)]

    def distances(self, image: np.ndarray, content_features: np.ndarray) -> tuple[float, float]:
        """Content and style distance of *image* with one pass over it."""
        features = self._features(image)
        style = self._style_of(features)
        return relative(features[STYLE_LAYERS.index(CONTENT_LAYER)], content_features), style

    def quality(self, network: Any, photographs: Sequence[np.ndarray]) -> Quality:
        """Mean distances of what a Keras *network* makes of *photographs*, ``(H, W, 3)`` uint8, to a millionth."""
        pairs = [(network(photo[None].astype(np.float32), training=False)[0].numpy(), photo) for photo in photographs]
        content, style = np.mean([self.distances(out, self.content_features(photo)) for out, photo in pairs], axis=0)
        return Quality(style_distance=round(float(style), 6), content_distance=round(float(content), 6))

    def _style_of(self, features: list[np.ndarray]) -> float:
        pairs = zip(features, self._style, strict=True)
        return float(np.mean([relative(gram(own), wanted) for own, wanted in pairs]))

    def _features(self, image: np.ndarray) -> list[np.ndarray]:
        """Activations ``(H, W, C)`` at the style layers."""
        return [np.asarray(layer)[0] for layer in self._network(image.astype(np.float32)[None], training=False)]


def gram(features: np.ndarray) -> np.ndarray:
    """``F^T F / (H W C)`` of activations ``(H, W, C)``: a matrix ``(C, C)``."""
    flat = features.reshape(-1, features.shape[-1])
    product: np.ndarray = flat.T @ flat / np.float32(features.size)
    return product


def relative(value: np.ndarray, reference: np.ndarray) -> float:
    """``||value - reference||_F / ||reference||_F``."""
    return float(np.linalg.norm(value - reference) / np.linalg.norm(reference))
