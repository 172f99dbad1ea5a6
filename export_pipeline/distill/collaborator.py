"""The collaborator: the teacher's decoders, frozen, which must rebuild an image of a student's embedded features.

Eq. 6 of Wang et al., "Collaborative Distillation for Ultra-Resolution Universal Style Transfer", CVPR 2020. An encoder
and a decoder that were trained together know each other: what the decoder can use of the features is what the student
is to keep. The decoders take turns, one a step, as each costs as much as the teacher itself.
"""

from __future__ import annotations

from typing import Any

from export_pipeline.models.vgg import STAGES
from export_pipeline.perception.codec import Codec, constants
from export_pipeline.perception.rebuilding import rebuilding_errors

import tensorflow as tf  # isort: skip - the modules above load it quietly


class Collaborator:
    """The decoders of *codec*, whose encoder is the teacher."""

    def __init__(self, codec: Codec) -> None:
        self.taps = codec.taps
        self._decoders = codec.decoders
        self._weights = {tap: constants(codec.network, tap) for tap in self.taps}

    def turn(self, step: int) -> str:
        """The tap whose decoder is asked in *step*, the first being 0."""
        return self.taps[step % len(self.taps)]

    def error(self, tap: str, features: Any, images: Any, wanted: list[Any]) -> Any:
        """How far from *images* is what the decoder of *tap* rebuilds of embedded *features*: pixels and features.

        Args:
            wanted: the teacher's features of *images* at each of ``STAGES``.
        """
        made = self._decoders[tap](features, training=False)
        of_teacher = dict(zip(STAGES[: STAGES.index(tap) + 1], wanted, strict=False))
        pixels, errors = rebuilding_errors(made, images, self._weights[tap], of_teacher)
        return pixels + tf.add_n(errors)
