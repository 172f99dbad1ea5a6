"""Gradients of the training loss, which tell how much hangs on each weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from export_pipeline.tasks import Task

SAMPLES = 16


def squared_gradients(model: Any, task: Task, variables: Sequence[Any]) -> list[np.ndarray]:
    """Mean over :data:`SAMPLES` samples of the squared gradient of the total loss of one, for each of *variables*.

    The samples are the first of the training's stream. *model* computes as it does when it is used, and is not changed.
    """
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    objective, call = task.objective(), task.caller(model, training=False)

    # Not as a graph: TensorFlow fuses batch norm with tanh there, and then cannot run it.
    def gradients(batch: Any) -> Any:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(objective.of_network(batch, call)["total"])
        return tape.gradient(total, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    sums = [np.zeros(variable.shape, np.float64) for variable in variables]
    batches = task.batches(0, -(-SAMPLES // task.recipe.train.batch_size))
    for sample in batches.unbatch().batch(1).take(SAMPLES):
        for total, gradient in zip(sums, gradients(sample), strict=True):
            total += np.square(gradient.numpy(), dtype=np.float64)
    return [(total / SAMPLES).astype(np.float32) for total in sums]
