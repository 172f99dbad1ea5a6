"""Micro-batches: a batch in parts, one for each core, trained side by side with every operation on one thread.

TensorFlow gives each operation all cores. Those of a small network are over before the other cores have begun, and
most of them wait. Where every core has images of its own, none does.

Threads are those of a process: what else it computes, image by image, has one core as well.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from export_pipeline.base.cores import cores
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import Task


def one_thread_an_operation(task: Task) -> None:
    """Have batches trained in micro-batches, if every phase of *task*'s training has a sample for each core.

    To be called before TensorFlow starts. Where it has started, has a graphics processor, or is told otherwise by
    ``TF_NUM_INTRAOP_THREADS``, all stays as it is. What is chosen holds for the process, later builds in it too.
    """
    recipe, tables = task.recipe, [phase.recipe.train for phase in task.phases()]
    if not (any(table.steps for table in tables) or fine_tunes(recipe)):
        return
    from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
    import tensorflow as tf

    enough = min(table.batch_size for table in tables) >= cores() > 1
    told = "TF_NUM_INTRAOP_THREADS" in os.environ or tf.config.list_physical_devices("GPU")
    if not enough or told or getattr(recipe.model, "norm", None) == "batch":
        return
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)


def fine_tunes(recipe: Recipe) -> bool:
    """Whether compression may train the network of *recipe*."""
    compress = recipe.compress
    structured = compress.structured
    return bool(
        structured.blocks or structured.rounds or compress.prunes or compress.clusters or compress.quantize_aware
    )


def sizes(model: Any, batch_size: int, strategy: Any) -> list[int]:
    """The sizes of the micro-batches of *model*: one for each core, or whole where operations have more threads.

    A network that normalizes by the batch has it whole, and what *strategy* has divided is not divided again.
    """
    import tensorflow as tf
    import tf_keras as keras

    count = cores()
    one_thread = tf.config.threading.get_intra_op_parallelism_threads() == 1
    by_batch = any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.submodules)
    if batch_size < count or not one_thread or by_batch or strategy.num_replicas_in_sync > 1:
        return [batch_size]
    return [batch_size // count + (index < batch_size % count) for index in range(count)]
