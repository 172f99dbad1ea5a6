"""The compress stage: a Keras model in, a smaller one out.

:data:`STEPS` lists what is done, in order, with the reason for its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tf_keras as keras

from export_pipeline.compress.fold import fold_input_scale
from export_pipeline.compress.prune import set_step, settle, sparsity, wrap
from export_pipeline.errors import CheckFailed
from export_pipeline.recipe import Recipe

__all__ = ["STEPS", "finish", "prune", "require_sparsity", "sparsity"]

# The model to train on, and what to call before each step.
FineTune = Callable[[Any, Callable[[int], None]], None]

STEPS = (
    ("prune", "first, because it trains: fine-tuning must see the network that it will leave behind"),
    ("fold", "last, because it changes weights that training and checkpoints want as they were"),
)


def prune(model: keras.Model, recipe: Recipe, fine_tune: FineTune) -> dict[str, float]:
    """Prune *model* in place on the schedule of *recipe*, training it with *fine_tune*.

    Returns:
        The share of zeros of each convolution, by layer name.
    """
    if recipe.compress.schedule != "none":
        pruned = wrap(model, recipe.compress)
        fine_tune(pruned, lambda step: set_step(pruned, step))
        settle(pruned, recipe.compress)
    return sparsity(model)


def require_sparsity(found: dict[str, float], recipe: Recipe) -> None:
    """Refuse a network whose pruning did not do what *recipe* asks for, layer by layer.

    Raises:
        CheckFailed: layers have fewer zeros than ``final_sparsity``; at least one weight of each is kept.
    """
    wanted = recipe.compress.final_sparsity if recipe.compress.schedule != "none" else 0.0
    # A layer of n weights can only have multiples of 1/n of them zero; the smallest here has 27 weights.
    short = {name: share for name, share in found.items() if share < wanted - 1 / 27}
    if short or not found:
        layers = ", ".join(f"{name} {share:.3f}" for name, share in short.items()) or "no convolution was found"
        raise CheckFailed(f"pruning to {wanted:g} did not take effect: {layers}")


def finish(model: keras.Model) -> keras.Model:
    """A copy of *model* ready for export: same function, fewer operations."""
    return fold_input_scale(model)
