"""How far an image that a decoder rebuilds of features is from the one that they are of.

Eq. 1 of Wang et al., "Collaborative Distillation for Ultra-Resolution Universal Style Transfer", CVPR 2020: the error
of pixels, and that of features. Each is relative here: to the spread of pixels, and to the features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from export_pipeline.models.mirrored import SPREAD
from export_pipeline.models.vgg import activations
from export_pipeline.perception.distances import relative_squared

import tensorflow as tf  # isort: skip - the modules above load it quietly

LEAST_POWER = 1e-3  # of features, where none fires


def rebuilding_errors(
    made: Any, images: Any, weights: Mapping[str, tuple[Any, Any]], wanted: Mapping[str, Any]
) -> tuple[Any, Sequence[Any]]:
    """The error of the pixels of images *made*, and those of their features, means over the batch.

    Args:
        made, images: ``(N, H, W, 3)`` RGB 0..255.
        weights: of the encoder, up to the last tap of *wanted*.
        wanted: its features of *images* by tap, kernels seeing the outermost pixels repeated.
    """
    pixels = tf.reduce_mean(tf.square((made - images) / SPREAD))
    seen = activations(made, weights, tuple(wanted), repeated=True)
    pairs = zip(seen, wanted.values(), strict=True)
    return pixels, [tf.reduce_mean(relative_squared(own - want, want, LEAST_POWER)) for own, want in pairs]
