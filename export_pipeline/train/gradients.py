"""Gradients of the training loss on crops, which tell how much hangs on each weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from export_pipeline.perception.loss_network import loss_network
from export_pipeline.perception.losses import PerceptualLoss
from export_pipeline.recipe import Recipe
from export_pipeline.tasks.photographs import photographs, random_crop, style_image

CROPS = 16


def squared_gradients(model: Any, recipe: Recipe, variables: Sequence[Any]) -> list[np.ndarray]:
    """Mean over :data:`CROPS` crops of the squared gradient of the total loss of one crop, for each of *variables*.

    The crops are the first of the training's stream. *model* computes as it does when it is used, and is not changed.
    """
    tf.config.experimental.enable_op_determinism()
    training, _ = photographs(recipe)
    perceptual_loss = PerceptualLoss(loss_network(recipe), style_image(recipe), recipe.train)

    # Not as a graph: TensorFlow fuses batch norm with tanh there, and then cannot run it.
    def gradients(photo: Any) -> Any:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(perceptual_loss(photo, model(photo, training=False))["total"])
        return tape.gradient(total, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    sums = [np.zeros(variable.shape, np.float64) for variable in variables]
    for index in range(CROPS):
        crop = random_crop(training, recipe.seed, index, recipe.train.crop, recipe.train.short_side)
        for total, gradient in zip(sums, gradients(crop[None]), strict=True):
            total += np.square(gradient.numpy(), dtype=np.float64)
    return [(total / CROPS).astype(np.float32) for total in sums]
