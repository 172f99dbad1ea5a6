"""Distillation of a network of VGG's form into a narrower one of the same form.

Wang et al., "Collaborative Distillation for Ultra-Resolution Universal Style Transfer", CVPR 2020: the student starts
from the teacher's filters of largest L1 norm, and learns together with bias-free 1x1 convolutions Q, one a stage, that
embed its features F' linearly in the teacher's, ``||F - Q F'||^2``. On request the teacher's decoders collaborate.

There are differences. The filters are first scaled and shifted to respond as they did in the teacher. All kernels are
learned at one size. The logarithms of the stages' relative errors are added up, on request with those of their Gram
matrices. Q is fitted by least squares before the training and, where nothing but features was compared, after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from export_pipeline.errors import TrainingError, WeightsError

from export_pipeline.models.vgg import STAGES, activations  # isort: skip - loads TensorFlow quietly
import tensorflow as tf
import tf_keras as keras

from export_pipeline.distill.slim import KERNEL_RMS, balancing, convolution, rescaled, rms, selection, slimmed
from export_pipeline.perception.distances import relative_squared
from export_pipeline.perception.linear_map import least_squares
from export_pipeline.perception.statistics import gram
from export_pipeline.perception.vgg_weights import Weights

EMA_MOMENTUM = 0.99
LEAST_POWER = 1e-3  # of features, where none fires
LEAST_ERROR = 1e-6  # below which no stage learns any more
STYLE_STAGES = 4  # relu1_1 .. relu4_1, whose Gram matrices style distances compare

Rebuilt = Callable[[list[Any]], Any]


@dataclass(frozen=True)
class LossWeights:
    """How much each loss counts: of embedded features, of Gram matrices, and of what the teacher's decoders rebuild."""

    embedding: float = 1.0
    gram: float = 0.0
    collaborator: float = 0.0


ONLY_EMBEDDED = LossWeights()


class Student:
    """The variables of a student: VGG's convolutions up to relu5_1, and the embeddings of their features.

    What is learned is balanced: it differs by a factor from what :meth:`arrays` gives, which is in the teacher's units.
    """

    def __init__(self, teacher: Weights, width: float, embedded: bool, schedule: Any, repeated: bool = False) -> None:
        """*width* is the share of the filters kept; *schedule* the learning rate by step.

        *repeated* is whether kernels see the outermost pixels repeated beyond the edges, in place of zeros.
        One that is not *embedded* has each feature held against that of the filter it came from ("FP-slimmed").
        """
        start = slimmed(teacher, width)
        self.weights = {layer: tuple(tf.Variable(array) for array in pair) for layer, pair in start.weights.items()}
        self._repeated = repeated
        self._kept = {stage: start.kept[convolution(stage)] for stage in STAGES}
        # What the features of a layer are multiplied by, and what brings those of a stage, or what the embedding makes
        # of them, back to the teacher's units. Both decide what is written, so both are part of the state.
        self._balance = {layer: tf.Variable(1.0, trainable=False) for layer in self.weights}
        self._factors = {stage: tf.Variable(1.0, trainable=False) for stage in STAGES}
        self.embeddings = {}
        if embedded:
            for stage, kept in self._kept.items():
                self.embeddings[stage] = tf.Variable(selection(kept, teacher[convolution(stage)][0].shape[3]))
        self._schedule = schedule
        self.optimizer = self._new_optimizer()

    def _new_optimizer(self) -> Any:
        """An optimizer whose moving averages are the variables as they are."""
        optimizer = keras.optimizers.Adam(self._schedule, use_ema=True, ema_momentum=EMA_MOMENTUM)
        optimizer.build(self.trainable)
        return optimizer

    def begin(self, weights: Weights) -> None:
        """Start from *weights*, in the teacher's units, balanced."""
        for layer, factor in balancing(weights).items():
            self._balance[layer].assign(factor)
        for stage, factor in self._factors.items():
            factor.assign(1 / self._balance[convolution(stage)])
        self._put(weights)
        self.optimizer = self._new_optimizer()

    def _put(self, weights: Weights) -> None:
        factors = {layer: float(factor.numpy()) for layer, factor in self._balance.items()}
        for layer, pair in rescaled(weights, factors).items():
            for variable, array in zip(self.weights[layer], pair, strict=True):
                variable.assign(array)

    @property
    def trainable(self) -> list[Any]:
        """All variables that are learned."""
        return [variable for layer in self.weights for variable in self.weights[layer]] + list(self.embeddings.values())

    @property
    def state(self) -> list[Any]:
        """All that decides how the training goes on."""
        rate = getattr(self.optimizer, "_current_learning_rate", None)
        moved = [variable for variable in self.optimizer.variables if variable is not rate]
        return [*self.trainable, *self._balance.values(), *self._factors.values(), *moved]

    def fit_embeddings(self, batches: Iterable[tuple[Any, Sequence[Any]]]) -> None:
        """Set each embedding to the best for the student as it is, by least squares over all positions together.

        The optimizer begins anew.

        Args:
            batches: images and the teacher's features of them, stage by stage; only their products are kept.

        Raises:
            TrainingError: no filter of a stage fires.
        """
        sums: dict[str, Any] = dict.fromkeys(self.embeddings, (0.0, 0.0))
        for images, wanted in batches:
            for stage, feature, target in zip(STAGES, self._seen(images), wanted, strict=True):
                if stage in sums:
                    x, y = (tf.reshape(part, (-1, part.shape[-1])).numpy() for part in (feature, target))
                    own, cross = sums[stage]
                    # Products of a batch in single precision, whose error is far below the ridge; sums in double.
                    sums[stage] = own + (x.T @ x).astype(np.float64), cross + (x.T @ y).astype(np.float64)
        for stage, (own, cross) in sums.items():
            found = least_squares(own, cross)
            if not found.any():
                raise TrainingError(f"no filter of {stage} fires any more; try a smaller learning_rate")
            factor = rms(found) / KERNEL_RMS
            self._factors[stage].assign(factor)
            self.embeddings[stage].assign((found / factor)[None, None].astype(np.float32))
        self.optimizer = self._new_optimizer()  # moments and averages of other embeddings would be of no use

    def go_on_from(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Start from a network that was distilled before, of :meth:`arrays`.

        Raises:
            WeightsError: its filters are not as many, or it was distilled from a teacher of other widths.
        """
        wanted = {f"{layer}_kernel": kernel.shape for layer, (kernel, _) in self.weights.items()}
        wanted |= {f"{stage}_embedding": embedding.shape for stage, embedding in self.embeddings.items()}
        for name, shape in wanted.items():
            if arrays[name].shape != tuple(shape):
                raise WeightsError(
                    f"the network to start from has {arrays[name].shape} in {name}; it must be {tuple(shape)}. Give "
                    "the width that it was distilled with, and the same teacher."
                )
            if not arrays[name].any():
                raise WeightsError(f"the network to start from has nothing but zeros in {name}")
        self.begin({layer: (arrays[f"{layer}_kernel"], arrays[f"{layer}_bias"]) for layer in self.weights})
        for stage in self.embeddings:
            balance = self._balance[convolution(stage)]
            self._factors[stage].assign(rms(arrays[f"{stage}_embedding"]) / KERNEL_RMS / balance)
        self.assign(arrays)
        self.optimizer = self._new_optimizer()  # whose averages are of the embeddings, too

    def step(
        self, images: Any, wanted: list[Any], weights: LossWeights = ONLY_EMBEDDED, rebuilt: Rebuilt | None = None
    ) -> tuple[Any, Any]:
        """One step of the optimizer; the errors before it, as of :meth:`errors`, and that of what was *rebuilt*, or 0.

        Args:
            weights: of each loss.
            rebuilt: the error of the image that the teacher's decoder makes of its features as they were embedded, one
                for each of ``STAGES``.
        """
        with tf.GradientTape() as tape:
            pairs = self._embedded(images, wanted)
            errors = _relative_squares(pairs)
            # Of logarithms: a stage whose error is small by nature counts as much as one whose error is large.
            total = weights.embedding * _sum_of_logarithms(errors)
            if weights.gram:
                grams = [(gram(own), gram(target)) for own, target in pairs[:STYLE_STAGES]]
                total += weights.gram * _sum_of_logarithms(_relative_squares(grams))
            error = tf.constant(0.0)
            if weights.collaborator and rebuilt:
                error = rebuilt([own for own, _ in pairs])
                total += weights.collaborator * _sum_of_logarithms(error)
        # A decoder looks at one stage: those beyond it have no part in what it rebuilds.
        gradients = tape.gradient(total, self.trainable, unconnected_gradients="zero")
        self.optimizer.apply_gradients(zip(gradients, self.trainable, strict=True))
        return errors, error

    def errors(self, images: Any, wanted: list[Any]) -> Any:
        """``||F - Q F'||^2 / ||F||^2`` at each of ``STAGES``, mean over *images*, ``(N, H, W, 3)`` RGB 0..255."""
        return _relative_squares(self._embedded(images, wanted))

    def _seen(self, images: Any) -> list[Any]:
        return activations(images, self.weights, STAGES, repeated=self._repeated)

    def _embedded(self, images: Any, wanted: list[Any]) -> list[tuple[Any, Any]]:
        """The features of *images* at each of ``STAGES`` and those *wanted*, in the units of the teacher."""
        found = []
        for stage, feature, target in zip(STAGES, self._seen(images), wanted, strict=True):
            if stage in self.embeddings:
                feature = tf.nn.conv2d(feature, self.embeddings[stage], 1, "SAME")
            else:
                target = tf.gather(target, self._kept[stage], axis=3)
            found.append((feature * self._factors[stage], target))
        return found

    def finish(self) -> None:
        """Put the moving average of the weights in their place."""
        self.optimizer.finalize_variable_values(self.trainable)

    def arrays(self) -> dict[str, np.ndarray]:
        """The student as arrays: ``conv1_1_kernel``, ``conv1_1_bias`` .. and ``relu1_1_embedding`` .."""
        found: dict[str, np.ndarray] = {}
        learned = {layer: (kernel.numpy(), bias.numpy()) for layer, (kernel, bias) in self.weights.items()}
        back = {layer: 1 / float(factor.numpy()) for layer, factor in self._balance.items()}
        for layer, (kernel, bias) in rescaled(learned, back).items():
            found |= {f"{layer}_kernel": kernel, f"{layer}_bias": bias}
        for stage, embedding in self.embeddings.items():
            found[f"{stage}_embedding"] = embedding.numpy() * self._embedding_scale(stage)
        return found

    def assign(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take the values of :meth:`arrays`."""
        self._put({layer: (arrays[f"{layer}_kernel"], arrays[f"{layer}_bias"]) for layer in self.weights})
        for stage, embedding in self.embeddings.items():
            embedding.assign(arrays[f"{stage}_embedding"] / self._embedding_scale(stage))

    def _embedding_scale(self, stage: str) -> np.float32:
        return np.float32(self._factors[stage].numpy() * self._balance[convolution(stage)].numpy())


def _relative_squares(pairs: Sequence[tuple[Any, Any]]) -> Any:
    """``||own - wanted||^2 / ||wanted||^2`` of each pair ``(own, wanted)``, mean over the batch: ``(pairs,)``."""
    errors = [tf.reduce_mean(relative_squared(wanted - own, wanted, LEAST_POWER)) for own, wanted in pairs]
    return tf.stack(errors)


def _sum_of_logarithms(errors: Any) -> Any:
    return tf.reduce_sum(tf.math.log(tf.maximum(errors, LEAST_ERROR)))
