"""Gradients of the training loss on crops, which tell how much hangs on each weight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from export_pipeline.perception.losses import PerceptualLoss

CROPS = 16


def mean_squared_gradients(
    model: Any, loss: PerceptualLoss, crops: Iterable[np.ndarray], variables: Sequence[Any]
) -> list[np.ndarray]:
    """Mean over *crops* of the squared gradient of the total loss of one crop, for each of *variables*.

    *model* computes as it does when it is used, and is not changed. Crops are ``(H, W, 3)`` float32, 0..255.
    """
    tf.config.experimental.enable_op_determinism()

    # Not as a graph: TensorFlow fuses batch norm with tanh there, and then cannot run it.
    def gradients(photo: Any) -> Any:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(loss(photo, model(photo, training=False))["total"])
        return tape.gradient(total, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    sums, count = [np.zeros(variable.shape, np.float64) for variable in variables], 0
    for crop in crops:
        count += 1
        for total, gradient in zip(sums, gradients(crop[None]), strict=True):
            total += np.square(gradient.numpy(), dtype=np.float64)
    return [(total / count).astype(np.float32) for total in sums]
