"""Magnitude pruning on a schedule while fine-tuning.

Zhu and Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression", 2017,
as TensorFlow Model Optimization implements it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tf_keras as keras

from export_pipeline.recipe import CompressTable


def schedule(table: CompressTable) -> Any:
    """tfmot's pruning schedule for *table*, whose ``schedule`` is not ``none``."""
    import tensorflow_model_optimization as tfmot

    if table.schedule == "constant":
        return tfmot.sparsity.keras.ConstantSparsity(
            table.final_sparsity, table.begin_step, table.end_step, frequency=table.frequency
        )
    return tfmot.sparsity.keras.PolynomialDecay(
        table.initial_sparsity, table.final_sparsity, table.begin_step, table.end_step, frequency=table.frequency
    )


def wrap(model: keras.Model, table: CompressTable) -> keras.Model:
    """*model* with every convolution wrapped for pruning; it shares the layers and weights of *model*.

    Only convolutions: tfmot refuses layers that it does not know, and norms have nothing to prune.
    """
    import tensorflow_model_optimization as tfmot

    def wrapped(layer: Any) -> Any:
        if not isinstance(layer, keras.layers.Conv2D):
            return layer
        return tfmot.sparsity.keras.prune_low_magnitude(layer, pruning_schedule=schedule(table))

    return keras.models.clone_model(model, clone_function=wrapped)


def set_step(pruned: keras.Model, step: int) -> None:
    """Tell the wrappers of *pruned* how many steps were made; they update their masks when it is due.

    They count the step that comes themselves, so the first step is step 1 of a schedule.
    """
    for layer in _wrappers(pruned):
        layer.pruning_step.assign(step)


def settle(pruned: keras.Model, table: CompressTable) -> None:
    """Bring every convolution of *pruned* to the final sparsity of *table*, for good.

    The optimizer's last step has moved pruned weights, too: they go back to zero. The masks' last update lies
    before ``end_step`` when ``frequency`` does not meet it: the rest is made up for.
    """
    for layer in _wrappers(pruned):
        layer.pruning_obj.weight_mask_op()
        kernel = layer.layer.kernel.numpy()
        kept = max(1, round(kernel.size * (1 - table.final_sparsity)))
        smallest = np.argsort(np.abs(kernel), axis=None, kind="stable")[: kernel.size - kept]
        np.put(kernel, smallest, 0)
        layer.layer.kernel.assign(kernel)


def sparsity(model: keras.Model) -> dict[str, float]:
    """Share of zeros in the kernel of each convolution of *model*, by layer name."""
    kernels = {layer.name: layer.kernel.numpy() for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}
    return {name: float((kernel == 0).mean()) for name, kernel in kernels.items()}


def _wrappers(pruned: keras.Model) -> list[Any]:
    return [layer for layer in pruned.layers if hasattr(layer, "pruning_obj")]
