"""What tells a style: the frozen encoder of paintings, and what it makes of a painting.

Its moments are means and deviations of the features of the distilled loss network, and colours. It tells them along the
principal axes of styles (:mod:`.style_axes`), and the colours as they are, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np

from export_pipeline.errors import CheckpointError
from export_pipeline.perception.loss_network import distilled
from export_pipeline.tasks.paintings import squared
from export_pipeline.tasks.style_axes import axes_sha256, style_axes

ENCODED_SIDE = 512  # pixels, that a painting is encoded at
ENCODER_SHA256 = "style_encoder_sha256"  # in the fingerprint of a network that was trained on what it tells


def encode(painting: np.ndarray) -> np.ndarray:
    """The statistics of *painting*, ``(H, W, 3)`` RGB uint8: ``(1, 1, 128)`` float32."""
    square = squared(painting, ENCODED_SIDE).astype(np.float32)[None]
    found: np.ndarray = _encoder()(square).numpy()[0]
    return found


@cache
def _encoder() -> Any:
    network = style_encoder()  # loads TensorFlow quietly
    import tensorflow as tf

    return tf.function(lambda painting: network(painting, training=False), autograph=False)


def style_encoder() -> Any:
    """The style encoder: a Keras model from ``painting`` ``(N, 512, 512, 3)`` to ``style`` ``(N, 1, 1, 128)``."""
    from export_pipeline import models

    return models.style_encoder(distilled().weights, ENCODED_SIDE, style_axes())


def moments_of(styles: Iterable[np.ndarray], told: Callable[[int], None] = lambda done: None) -> np.ndarray:
    """The moments of each style, ``(H, W, 3)`` RGB uint8, before they are projected on axes: ``(N, M)`` float32.

    Args:
        told: is called with how many are done.
    """
    from export_pipeline import models

    network, found = models.style_encoder(distilled().weights, ENCODED_SIDE), []
    for number, style in enumerate(styles, 1):
        square = squared(style, ENCODED_SIDE).astype(np.float32)[None]
        found.append(network(square, training=False).numpy().reshape(-1))
        told(number)
    return np.stack(found)


@cache
def encoder_sha256() -> str:
    """Of what the encoder that comes along is made of: its network and its axes."""
    from export_pipeline.models.adain import FEATURE_SCALES, STYLE_LAYERS

    parts = (distilled().sha256, axes_sha256(), STYLE_LAYERS, FEATURE_SCALES, ENCODED_SIDE)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def check_encoder(fingerprint: Mapping[str, str | None], source: object) -> None:
    """Check that a network was trained on what the encoder that comes along tells, as far as its *fingerprint* says.

    Raises:
        CheckpointError: it was told styles by another encoder. *source* is named.
    """
    if fingerprint.get(ENCODER_SHA256) not in (None, encoder_sha256()):
        raise CheckpointError(
            f"{source} was trained with another style encoder, and would take the statistics of this one for others.\n"
            "Train it anew, or use the version that it was trained by."
        )
