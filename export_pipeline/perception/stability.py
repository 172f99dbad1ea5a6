"""What a network makes of another frame of the same scene: the stability loss, which keeps videos from flickering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
import tensorflow as tf

from export_pipeline.perception.pixel_losses import window

NOISE = 4.0  # levels, standard deviation: that of a good camera at dusk
SIDES = 4  # sides of photographs are multiples of it, for the strides of networks


@dataclass(frozen=True)
class Disturbance:
    """What another frame of a video has of its own.

    Attributes:
        cut: pixels along each edge that it lacks.
        shift: pixels, at most, that the camera has moved by, down and to the right.
        light: share, at most, by which it is lighter or darker.
    """

    cut: int = 0
    shift: int = 0
    light: float = 0.0

    def frame(self, images: Any) -> tuple[Any, Callable[[Any], Any]]:
        """The frame of *images*, ``(N, H, W, 3)`` 0..255, and what gives of their pictures the part that it shows.

        It has noise of :data:`NOISE` levels. The same images have the same noise, motion and light.
        """
        images = tf.cast(images, tf.float32)
        seed = tf.cast(tf.stack([tf.reduce_sum(images[:, 0, :8]), tf.reduce_sum(images[:, -1, :8])]), tf.int32)
        room = -(-self.shift // SIDES) * SIDES
        moved = tf.random.stateless_uniform((2,), seed + 1, 0, self.shift + 1, tf.int32) if self.shift else (0, 0)
        noise = NOISE * tf.random.stateless_normal(tf.shape(images), seed)
        if self.light:
            images *= tf.random.stateless_uniform((), seed + 2, 1 - self.light, 1 + self.light)

        def seen(pictures: Any) -> Any:
            return window(pictures, self.cut, room, moved) if self.cut or room else pictures

        return seen(images + noise), seen


def stability_loss(output: Any, other: Any, images: Any, noisy: Any) -> Any:
    """How many times as much *output* of *images* and *other* of *noisy* differ as those do: ``(N,)``, of deviations.

    A network that stretches what it is given makes a pattern of the noise in flat parts of a photograph: one that
    flickers from frame to frame, and that rounding to 8 bits changes. Zheng et al., "Improving the Robustness of Deep
    Neural Networks via Stability Training", 2016, with a ratio in place of their weighted distance.
    """
    axes = (1, 2, 3)
    came_out = tf.reduce_mean(tf.square(output - other), axes)
    # The square root has no finite slope at zero.
    return tf.sqrt((came_out + 1e-6) / tf.reduce_mean(tf.square(images - noisy), axes))


def stability(network: Callable[[Any], Any], images: Any, output: Any, disturbance: Disturbance) -> Any:
    """The stability loss of *network*, from images to pictures, which made *output* of *images*: ``(N,)``."""
    frame, seen = disturbance.frame(images)
    return stability_loss(seen(output), network(frame), seen(tf.cast(images, tf.float32)), frame)
