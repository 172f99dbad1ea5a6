"""The training of mirrored decoders: each is to rebuild photographs of the features of its tap.

Eq. 1 of Wang et al., "Collaborative Distillation", 2020: the pixels' error, and that of the features of what was
rebuilt, at every tap up to the decoder's own. A decoder starts from the one before it, whose layers are its last, or
from that of another encoder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from export_pipeline.errors import TrainingError
from export_pipeline.models.mirrored import mirrored_decoder
from export_pipeline.models.vgg import STAGES, activations, needed_layers
from export_pipeline.perception.codec import Codec, channels_of, constants, decoder_arrays
from export_pipeline.perception.loss_network import LossNetwork
from export_pipeline.perception.rebuilding import rebuilding_errors
from export_pipeline.tasks.photographs import Photographs, random_crop
from export_pipeline.universal.wct.record import Phase, Training
from export_pipeline.universal.wct.state import State
from export_pipeline.universal.wct.widened import begin_as, feature_map

import tensorflow as tf  # isort: skip - the modules above load it quietly
import tf_keras as keras

from export_pipeline.train.fit import schedule

SCALE_CROPS = 8
START_CROPS = 64  # that features of another encoder are told from
HELD_SIDE = 256


@dataclass(frozen=True)
class Run:
    """One training of the decoders of *network* on *photographs*; *state* is what it goes on from.

    *start* has the decoders of another encoder, which these begin as; ``widened.check_fits`` holds for it.
    """

    training: Training
    network: LossNetwork
    photographs: Photographs
    state: State
    say: Callable[[str], None] = lambda _: None
    start: Codec | None = None

    def trained(self) -> dict[str, np.ndarray]:
        """The arrays of all decoders, shallowest first, as ``decoder_arrays`` names them.

        Raises:
            CheckpointError: what an interrupted run left is of another training, or damaged.
            TrainingError: a loss is not finite.
        """
        tf.config.experimental.enable_op_determinism()
        found: dict[str, np.ndarray] = {}
        before: str | None = None
        for tap in STAGES:
            if tap not in self.training.phases:
                continue
            arrays = self.state.finished(tap)
            if arrays is None:
                arrays = self._tap(tap, found, before)
                self.state.finish(tap, arrays)
            found |= arrays
            before = tap
        return found

    def _tap(self, tap: str, done: Mapping[str, np.ndarray], before: str | None) -> dict[str, np.ndarray]:
        """The arrays of the decoder of *tap*.

        It begins as that of ``start`` where there is one, else its last layers as those of *before* in *done*.
        """
        keras.utils.set_random_seed(self.training.seed)
        scale = self._scale(tap)
        decoder = mirrored_decoder(channels_of(self.network), tap, scale)
        if self.start and not self.state.begun(tap):
            side = self.training.phases[tap][0].crop
            batches = (np.stack([self._crop(number, side)]) for number in range(START_CROPS))
            begin_as(decoder, scale, self.start, tap, feature_map(self.network, self.start, tap, batches))
        for layer in needed_layers((before,)) if before and not self.start else ():
            decoder.get_layer(layer).set_weights([done[f"{before}/{layer}_{part}"] for part in ("kernel", "bias")])
        self._fit(tap, decoder)
        return decoder_arrays(decoder, tap, scale)

    def _fit(self, tap: str, decoder: Any) -> None:
        phases, every = self.training.phases[tap], self.training.checkpoint_every
        steps = sum(phase.steps for phase in phases)
        optimizer = keras.optimizers.Adam(schedule(self.training.learning_rate, steps))
        optimizer.build(decoder.trainable_variables)
        # The rate is computed of the step, and is no part of the state.
        rate = getattr(optimizer, "_current_learning_rate", None)
        variables = [*decoder.variables, *(one for one in optimizer.variables if one is not rate)]
        first = self.state.restore(tap, variables)
        step_of = _step(self.network, tap, decoder, optimizer, self.training.feature_weight)
        log, recent, begun = self.state.log(tap, first), [], time.perf_counter()
        for step in range(first + 1, steps + 1):
            recent.append(step_of(self._batch(step - 1, phases)).numpy())
            if not np.isfinite(recent[-1]).all():
                raise TrainingError(f"the loss of {tap} is not finite at step {step}; try a smaller --learning-rate")
            if step % every == 0 or step == steps:
                pixel, *features = (round(float(loss), 5) for loss in np.mean(recent, 0))
                log.append({"tap": tap, "step": step, "pixels": pixel, "features": features})
                recent.clear()
                self.state.save(tap, step, variables, log)
                seconds = (time.perf_counter() - begun) / (step - first)
                self.say(f"{tap}, step {step} of {steps}, {seconds:.3f} s each: {pixel} {features}")

    def _scale(self, tap: str) -> float:
        """The root mean square of the features of *tap*, over the first crops."""
        weights, side = constants(self.network, tap), self.training.phases[tap][0].crop
        crops = np.stack([self._crop(number, side) for number in range(SCALE_CROPS)])
        (features,) = activations(crops, weights, (tap,), repeated=True)
        return float(tf.sqrt(tf.reduce_mean(tf.square(features)))) or 1.0

    def _crop(self, number: int, side: int) -> np.ndarray:
        return random_crop(self.photographs, self.training.seed, number, side)

    def _batch(self, step: int, phases: tuple[Phase, ...]) -> np.ndarray:
        """The crops of *step*, which follow from it alone: ``(N, side, side, 3)`` float32."""
        first = 0
        for phase in phases:
            if step < phase.steps:
                first += step * phase.batch_size
                return np.stack([self._crop(first + number, phase.crop) for number in range(phase.batch_size)])
            step, first = step - phase.steps, first + phase.steps * phase.batch_size
        raise ValueError("there is no such step")


def _step(network: LossNetwork, tap: str, decoder: Any, optimizer: Any, feature_weight: float) -> Any:
    """A step on images: the losses before it, that of pixels and then that of features at each tap up to *tap*."""
    weights, taps = constants(network, tap), STAGES[: STAGES.index(tap) + 1]

    def step(images: Any) -> Any:
        wanted = activations(images, weights, taps, repeated=True)
        with tf.GradientTape() as tape:
            made = decoder(wanted[-1], training=True)
            pixels, features = rebuilding_errors(made, images, weights, dict(zip(taps, wanted, strict=True)))
            total = pixels + feature_weight * tf.add_n(features)
        gradients = tape.gradient(total, decoder.trainable_variables)
        optimizer.apply_gradients(zip(gradients, decoder.trainable_variables, strict=True))
        return tf.stack([pixels, *features])

    return tf.function(step, autograph=False)


def rebuilt_db(codec: Any, tap: str, held: Photographs) -> float:
    """Mean over the photographs *held* of the PSNR of what *codec* rebuilds of their middles, peak 255."""
    from export_pipeline.base.images import fit

    found = []
    for index in range(len(held)):
        image = fit(held[index], HELD_SIDE, HELD_SIDE)[None].astype(np.float32)
        made = np.clip(codec.decode(codec.encode(image, tap), tap), 0, 255)
        found.append(10 * np.log10(255**2 / np.mean(np.square(made - image))))
    return round(float(np.mean(found)), 3)
