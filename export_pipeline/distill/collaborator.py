"""The collaborator: the teacher's decoders, frozen, which must rebuild an image of a student's embedded features.

Eq. 6 of Wang et al., "Collaborative Distillation for Ultra-Resolution Universal Style Transfer", CVPR 2020. An encoder
and a decoder that were trained together know each other: what the decoder can use of the features is what the student
is to keep. Differences from the paper: the decoders take turns, one a step, as each costs as much as the teacher;
errors are relative, and it is their logarithm that counts; and one student serves all stages, where the paper trains
one for each.
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
        self._weights = constants(codec.network, self.taps[-1])

    def turn(self, step: int) -> str:
        """The tap whose decoder is asked in *step*, the first being 0."""
        return self.taps[step % len(self.taps)]

    def error(self, tap: str, images: Any, wanted: list[Any], embedded: list[Any]) -> Any:
        """How far from *images* is what the decoder of *tap* rebuilds: the errors of pixels and of features.

        Args:
            wanted, embedded: the teacher's features of *images* at each of ``STAGES``, and the student's.
        """
        depth = STAGES.index(tap)
        made = self._decoders[tap](embedded[depth], training=False)
        of_teacher = dict(zip(STAGES[: depth + 1], wanted, strict=False))
        pixels, errors = rebuilding_errors(made, images, self._weights, of_teacher)
        return pixels + tf.add_n(errors)
