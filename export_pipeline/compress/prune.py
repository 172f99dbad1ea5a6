"""Magnitude pruning on a schedule while fine-tuning.

Zhu and Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression", 2017,
as TensorFlow Model Optimization implements it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tf_keras as keras

from export_pipeline.compress.layers import convolutions, sparsities
from export_pipeline.compress_table import CompressTable


def schedule(table: CompressTable, final_sparsity: float) -> Any:
    """tfmot's pruning schedule for a layer that ends at *final_sparsity*; the ``schedule`` of *table* is not ``none``.

    A layer that ends below ``initial_sparsity`` starts where it ends.
    """
    import tensorflow_model_optimization as tfmot

    if table.schedule == "constant":
        return tfmot.sparsity.keras.ConstantSparsity(
            final_sparsity, table.begin_step, table.end_step, frequency=table.frequency
        )
    initial = min(table.initial_sparsity, final_sparsity)
    return tfmot.sparsity.keras.PolynomialDecay(
        initial, final_sparsity, table.begin_step, table.end_step, frequency=table.frequency
    )


def wrap(model: keras.Model, table: CompressTable) -> keras.Model:
    """*model* with its convolutions wrapped for pruning; it shares the layers and weights of *model*.

    Only convolutions that lose weights: tfmot refuses layers that it does not know, and norms have nothing to prune.
    """
    import tensorflow_model_optimization as tfmot

    final = sparsities(table, convolutions(model))

    def wrapped(layer: Any) -> Any:
        if not final.get(layer.name):
            return layer
        return tfmot.sparsity.keras.prune_low_magnitude(layer, pruning_schedule=schedule(table, final[layer.name]))

    return keras.models.clone_model(model, clone_function=wrapped)


def set_step(pruned: keras.Model, step: int) -> None:
    """Tell the wrappers of *pruned* how many steps were made; they update their masks when it is due.

    They count the step that comes themselves, so the first step is step 1 of a schedule.
    """
    for layer in _wrappers(pruned):
        layer.pruning_step.assign(step)


def settle(pruned: keras.Model, table: CompressTable) -> None:
    """Bring every wrapped convolution of *pruned* to its final sparsity of *table*, for good.

    The optimizer's last step has moved pruned weights, too: they go back to zero. The masks' last update lies
    before ``end_step`` when ``frequency`` does not meet it: the rest is made up for.
    """
    wrappers = _wrappers(pruned)
    final = sparsities(table, [layer.layer.name for layer in wrappers])
    for layer in wrappers:
        layer.pruning_obj.weight_mask_op()
        kernel = layer.layer.kernel.numpy()
        kept = weights_left(kernel.size, final[layer.layer.name])
        smallest = np.argsort(np.abs(kernel), axis=None, kind="stable")[: kernel.size - kept]
        np.put(kernel, smallest, 0)
        layer.layer.kernel.assign(kernel)


def weights_left(size: int, sparsity: float) -> int:
    """How many of *size* weights are left at *sparsity*: at least one."""
    return max(1, round(size * (1 - sparsity)))


def sparsity(model: keras.Model) -> dict[str, float]:
    """Share of zeros in the kernel of each convolution of *model*, by layer name."""
    return {name: float((layer.kernel.numpy() == 0).mean()) for name, layer in convolutions(model).items()}


def _wrappers(pruned: keras.Model) -> list[Any]:
    return [layer for layer in pruned.layers if hasattr(layer, "pruning_obj")]
