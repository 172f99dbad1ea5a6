"""Magnitude pruning on a schedule while fine-tuning.

Zhu and Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression", 2017,
as TensorFlow Model Optimization implements it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from export_pipeline.compress.compressed import Compressed
from export_pipeline.compress.layers import convolutions, copy_of, require_known, sparsities
from export_pipeline.compress.tools import Tools
from export_pipeline.errors import CheckFailed
from export_pipeline.recipe.compress import CompressTable


def run(now: Compressed, tools: Tools) -> Compressed:
    """The step: a copy of the network is fine-tuned while its smallest weights go to zero.

    Raises:
        RecipeError: a name or pattern matches no convolution that structured pruning has left.
        CheckFailed: a layer has fewer zeros than asked for.
    """
    table = now.recipe.compress
    require_known(table, convolutions(now.model))  # the blocks that are left have new names
    if not table.prunes:
        return now
    model = copy_of(now.model)
    pruned = wrap(model, table)
    tools.fine_tune(pruned, now.recipe, "prune", table.steps, table.learning_rate, masking(pruned))
    finalize_masks(pruned, table)
    require_sparsity(model, table)
    return replace(now, model=model, steps=now.steps + table.steps)


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
        wrapper = tfmot.sparsity.keras.prune_low_magnitude(layer, pruning_schedule=schedule(table, final[layer.name]))
        # Masks change between steps, by what :func:`masking` gives, and not with every call: a step may call it twice.
        wrapper.call = lambda inputs, training=None: layer.call(inputs)
        return wrapper

    return keras.models.clone_model(model, clone_function=wrapped)


def masking(pruned: keras.Model) -> Callable[[int], None]:
    """What is to be called before each step of *pruned* with its number, from 0: masks are updated where it is due.

    The first step is step 1 of a schedule.
    """
    wrappers = _wrappers(pruned)

    @tf.function(autograph=False)
    def update(step: Any) -> None:
        for layer in wrappers:
            layer.pruning_step.assign(step)
            layer.pruning_obj.conditional_mask_update()
            layer.pruning_obj.weight_mask_op()

    return lambda step: update(tf.constant(step + 1, tf.int64))


def finalize_masks(pruned: keras.Model, table: CompressTable) -> None:
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


def require_sparsity(model: keras.Model, table: CompressTable) -> None:
    """Refuse a network whose pruning did not do what *table* asks for, layer by layer.

    Raises:
        CheckFailed: layers have fewer zeros than their final sparsity; at least one weight of each is kept.
    """
    layers = convolutions(model)
    kernels = {name: layer.kernel.numpy() for name, layer in layers.items()}
    wanted = sparsities(table, layers)
    short = [
        f"{name} {1 - np.count_nonzero(kernel) / kernel.size:.3f} instead of {wanted[name]:g}"
        for name, kernel in kernels.items()
        if np.count_nonzero(kernel) > weights_left(kernel.size, wanted[name])
    ]
    if short or not layers:
        raise CheckFailed(f"pruning did not take effect: {', '.join(short) or 'no convolution was found'}")


def weights_left(size: int, sparsity: float) -> int:
    """How many of *size* weights are left at *sparsity*: at least one."""
    return max(1, round(size * (1 - sparsity)))


def sparsity(model: keras.Model) -> dict[str, float]:
    """Share of zeros in the kernel of each convolution of *model*, by layer name."""
    return {name: float((layer.kernel.numpy() == 0).mean()) for name, layer in convolutions(model).items()}


def _wrappers(pruned: keras.Model) -> list[Any]:
    return [layer for layer in pruned.layers if hasattr(layer, "pruning_obj")]
