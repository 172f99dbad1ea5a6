"""Distillation of a network of VGG's form into a narrower one of the same form.

Wang et al., "Collaborative Distillation for Ultra-Resolution Universal Style Transfer", CVPR 2020: the student starts
from the teacher's filters of largest L1 norm, and learns together with bias-free 1x1 convolutions Q, one a stage, that
embed its features F' linearly in the teacher's, ``||F - Q F'||^2``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.vgg import STAGES, activations, needed_layers  # isort: skip - loads TensorFlow quietly
import tensorflow as tf
import tf_keras as keras

Weights = Mapping[str, tuple[np.ndarray, np.ndarray]]

EMA_MOMENTUM = 0.99
LEAST_POWER = 1e-3  # of features, where none fires
RIDGE = 1e-4  # of the mean of the diagonal, for filters that never fire


@dataclass(frozen=True)
class Slimmed:
    """Kernels and biases of the kept filters by layer, and which filters of the teacher those are."""

    weights: dict[str, tuple[np.ndarray, np.ndarray]]
    kept: dict[str, np.ndarray]


def slimmed(teacher: Weights, width: float) -> Slimmed:
    """The filters of largest L1 norm of *teacher* up to relu5_1: the share *width* of each layer (Li et al., 2017)."""
    weights, kept = {}, {}
    inputs = np.arange(3)
    for layer in needed_layers(STAGES):
        kernel, bias = teacher[layer]
        count = max(1, round(width * kernel.shape[3]))
        norms = np.abs(kernel).sum((0, 1, 2), dtype=np.float64)
        kept[layer] = np.sort(np.argsort(-norms, kind="stable")[:count])
        weights[layer] = (kernel[:, :, inputs][..., kept[layer]], bias[kept[layer]])
        inputs = kept[layer]
    return Slimmed(weights, kept)


def selection(kept: np.ndarray, channels: int) -> np.ndarray:
    """The kernel ``(1, 1, len(kept), channels)`` that puts each feature where the teacher has it."""
    found = np.zeros((1, 1, len(kept), channels), np.float32)
    found[0, 0, np.arange(len(kept)), kept] = 1
    return found


class Student:
    """The variables of a student: VGG's convolutions up to relu5_1, and the embeddings of their features."""

    def __init__(self, teacher: Weights, width: float, embedded: bool, schedule: Any) -> None:
        """*width* is the share of the filters kept; *schedule* the learning rate by step.

        One that is not *embedded* has each feature held against that of the filter it came from ("FP-slimmed").
        """
        start = slimmed(teacher, width)
        self.weights = {layer: tuple(tf.Variable(array) for array in pair) for layer, pair in start.weights.items()}
        self.embeddings = {}
        self._kept = {stage: start.kept[stage.replace("relu", "conv")] for stage in STAGES}
        if embedded:
            for stage, kept in self._kept.items():
                channels = teacher[stage.replace("relu", "conv")][0].shape[3]
                self.embeddings[stage] = tf.Variable(selection(kept, channels))
        self.optimizer = keras.optimizers.Adam(schedule, use_ema=True, ema_momentum=EMA_MOMENTUM)
        self.optimizer.build(self.trainable)

    @property
    def trainable(self) -> list[Any]:
        """All variables that are learned."""
        return [variable for layer in self.weights for variable in self.weights[layer]] + list(self.embeddings.values())

    @property
    def state(self) -> list[Any]:
        """All that decides how the training goes on."""
        rate = getattr(self.optimizer, "_current_learning_rate", None)
        return self.trainable + [variable for variable in self.optimizer.variables if variable is not rate]

    def fit_embeddings(self, images: Any, wanted: list[Any]) -> None:
        """Set each embedding to the best for the student as it is, by least squares over *images*."""
        for stage, feature, target in zip(STAGES, activations(images, self.weights, STAGES), wanted, strict=True):
            if stage not in self.embeddings:
                continue
            x = tf.reshape(feature, (-1, feature.shape[-1])).numpy().astype(np.float64)
            y = tf.reshape(target, (-1, target.shape[-1])).numpy().astype(np.float64)
            gram = x.T @ x
            ridge = RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
            self.embeddings[stage].assign(np.linalg.solve(gram + ridge, x.T @ y)[None, None].astype(np.float32))

    def step(self, images: Any, wanted: list[Any]) -> Any:
        """One step of the optimizer; the errors before it, as of :meth:`errors`."""
        with tf.GradientTape() as tape:
            errors = self.errors(images, wanted)
            total = tf.reduce_sum(errors)
        self.optimizer.apply_gradients(zip(tape.gradient(total, self.trainable), self.trainable, strict=True))
        return errors

    def errors(self, images: Any, wanted: list[Any]) -> Any:
        """``||F - Q F'||^2 / ||F||^2`` at each of ``STAGES``, mean over *images*, ``(N, H, W, 3)`` RGB 0..255."""
        errors = []
        for stage, feature, target in zip(STAGES, activations(images, self.weights, STAGES), wanted, strict=True):
            if stage in self.embeddings:
                feature = tf.nn.conv2d(feature, self.embeddings[stage], 1, "SAME")
            else:
                target = tf.gather(target, self._kept[stage], axis=3)
            axes = [1, 2, 3]
            power = tf.maximum(tf.reduce_sum(tf.square(target), axes), LEAST_POWER)
            error = tf.reduce_sum(tf.square(target - feature), axes) / power
            errors.append(tf.reduce_mean(error))
        return tf.stack(errors)

    def finish(self) -> None:
        """Put the moving average of the weights in their place."""
        self.optimizer.finalize_variable_values(self.trainable)

    def arrays(self) -> dict[str, np.ndarray]:
        """The student as arrays: ``conv1_1_kernel``, ``conv1_1_bias`` .. and ``relu1_1_embedding`` .."""
        found: dict[str, np.ndarray] = {}
        for layer, (kernel, bias) in self.weights.items():
            found |= {f"{layer}_kernel": kernel.numpy(), f"{layer}_bias": bias.numpy()}
        return found | {f"{stage}_embedding": kernel.numpy() for stage, kernel in self.embeddings.items()}

    def assign(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take the values of :meth:`arrays`."""
        for layer, (kernel, bias) in self.weights.items():
            kernel.assign(arrays[f"{layer}_kernel"])
            bias.assign(arrays[f"{layer}_bias"])
        for stage, embedding in self.embeddings.items():
            embedding.assign(arrays[f"{stage}_embedding"])


class Distillation:
    """A teacher and its students, who all see its features of the same images."""

    def __init__(self, teacher: Weights, students: Sequence[Student]) -> None:
        self.students = tuple(students)
        constants = {layer: tuple(tf.constant(array) for array in teacher[layer]) for layer in needed_layers(STAGES)}
        self.teach = tf.function(lambda images: activations(images, constants, STAGES), reduce_retracing=True)
        self.step = tf.function(self._step, reduce_retracing=True)

    def _step(self, images: Any) -> Any:
        """One step of every student: the errors of each, ``(students, stages)``."""
        wanted = self.teach(images)
        return tf.stack([student.step(images, wanted) for student in self.students])
