"""The compress stage: a Keras model in, a smaller one out.

:data:`STEPS` lists what is done, in order, with the reason for its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras as keras

from export_pipeline.compress import cluster as clustering
from export_pipeline.compress.fold import fold_input_scale
from export_pipeline.compress.layers import convolutions, require_known, require_left, sparsities, taken
from export_pipeline.compress.plan import Plan, make_plan, read_plan, require_enough, require_whole
from export_pipeline.compress.prune import masking, settle, sparsity, weights_left, wrap
from export_pipeline.compress.sensitivity import Importance, weigh
from export_pipeline.compress.structured import narrow, require_spare, surely_left
from export_pipeline.compress.tools import Tools, Train
from export_pipeline.errors import CheckFailed
from export_pipeline.recipe import Recipe
from export_pipeline.recipe.compress import CompressTable
from export_pipeline.records.compression import CompressedLayer, Compression
from export_pipeline.records.rounds import Round

__all__ = [
    "STEPS",
    "Importance",
    "Plan",
    "Thinned",
    "Tools",
    "check_table",
    "cluster",
    "finish",
    "make_plan",
    "plan_bits",
    "prune",
    "require_sparsity",
    "sparsity",
    "thin",
    "tuned_steps",
    "weigh",
]

STEPS = (
    ("structured", "first, because the network is rebuilt: a filter that goes takes its zeros and its table with it"),
    ("prune", "before clustering, because it trains every weight, which would leave no table as it was"),
    ("cluster", "behind all that changes single weights: only tables and norms are trained from here on"),
    ("fold", "last, because it changes weights that training and checkpoints want as they were"),
)


@dataclass(frozen=True)
class Thinned:
    """A network that has lost weights, the recipe that builds it, and the rounds that took filters and blocks."""

    model: Any
    recipe: Recipe
    rounds: tuple[Round, ...]


def check_table(
    model: keras.Model, table: CompressTable, plan: Path | None = None, weight_bytes: int | None = None
) -> None:
    """Refuse what cannot be done to *model*, the network of a recipe before it is trained.

    Args:
        table: of the recipe.
        plan: the file with the bits of each layer, if there is one.
        weight_bytes: what the kernels are to fit into when they are clustered, if that is given. How many weights
            structured pruning leaves is known later: then it is looked at later.

    Raises:
        RecipeError: the network has not as many filters or blocks as are to go; a name or pattern matches no
            convolution, or only blocks that may go; the plan cannot be read or is not of this network; the bytes are
            too few.
    """
    names, settings = convolutions(model), table.structured
    require_known(table, names)
    require_spare(model, settings)
    left = surely_left(model, settings)
    require_left(table, names, left)
    if plan is not None:
        # It need not name the blocks that may be gone, but may: with a limit on a distance, they may stay.
        require_whole(read_plan(plan, taken(table, names)), taken(table, left), plan)
    if weight_bytes is not None and not (settings.blocks or settings.rounds):
        require_enough(model, table, weight_bytes)


def thin(model: keras.Model, recipe: Recipe, tools: Tools) -> Thinned:
    """The network *model* of *recipe* without the weights that the recipe takes out; *model* is changed.

    Raises:
        RecipeError: the network has not as many filters or blocks as are to go.
        CheckFailed: a layer has fewer zeros than asked for.
    """
    model, table, rounds = narrow(model, recipe, tools.train, tools.judge)
    recipe = recipe.model_copy(update={"model": table})
    require_known(recipe.compress, convolutions(model))  # the blocks that are left have new names
    prune(model, recipe, tools.train)
    require_sparsity(model, recipe)
    return Thinned(model, recipe, rounds)


def tuned_steps(thinned: Thinned) -> int:
    """Optimizer steps that the compress stage makes on top of training."""
    table = thinned.recipe.compress
    narrowing = sum(round_.steps for round_ in thinned.rounds if round_.status == "kept")
    return narrowing + (table.steps if table.prunes else 0) + (table.cluster.steps if table.clusters else 0)


def prune(model: keras.Model, recipe: Recipe, train: Train) -> dict[str, float]:
    """Prune *model* in place on the schedule of *recipe*, fine-tuning it with *train*.

    Returns:
        The share of zeros of each convolution, by layer name.
    """
    table = recipe.compress
    if table.prunes:
        pruned = wrap(model, table)
        train(pruned, recipe, "prune", table.steps, table.learning_rate, masking(pruned))
        settle(pruned, table)
    return sparsity(model)


def require_sparsity(model: keras.Model, recipe: Recipe) -> None:
    """Refuse a network whose pruning did not do what *recipe* asks for, layer by layer.

    Raises:
        CheckFailed: layers have fewer zeros than their final sparsity; at least one weight of each is kept.
    """
    layers = convolutions(model)
    kernels = {name: layer.kernel.numpy() for name, layer in layers.items()}
    wanted = sparsities(recipe.compress, layers)
    short = [
        f"{name} {1 - np.count_nonzero(kernel) / kernel.size:.3f} instead of {wanted[name]:g}"
        for name, kernel in kernels.items()
        if np.count_nonzero(kernel) > weights_left(kernel.size, wanted[name])
    ]
    if short or not layers:
        raise CheckFailed(f"pruning did not take effect: {', '.join(short) or 'no convolution was found'}")


def plan_bits(model: keras.Model, recipe: Recipe, importance: Importance, tools: Tools) -> Plan | None:
    """Bits of each kernel of the thinned network *model*, which is as it was after; ``None``: it is not clustered.

    Raises:
        RecipeError: the plan leaves out a layer, or the bytes are too few.
    """
    table = recipe.compress
    names = taken(table, convolutions(model))
    if table.bits is not None:
        return Plan(dict.fromkeys(names, table.bits))
    if table.plan is not None:
        path = recipe.path(table.plan)
        plan = read_plan(path)
        require_whole(plan, names, path)
        return Plan({name: plan.bits[name] for name in names}, plan.text)
    if table.weight_bytes is not None:
        return make_plan(model, recipe, table.weight_bytes, importance, tools)
    return None


def cluster(thinned: Thinned, plan: Plan | None, importance: Importance, tools: Tools) -> Compression:
    """Cluster the network of *thinned* in place by *plan*, and train its tables for as long as its recipe says.

    *importance* is that of :func:`weigh` before.

    Returns:
        What has become of each convolution.

    Raises:
        CheckFailed: a layer has more values than its table, or fewer zeros than before.
    """
    model, recipe = thinned.model, thinned.recipe
    before = {name: layer.kernel.numpy() for name, layer in convolutions(model).items()}
    bits = plan.bits if plan else {}
    table = recipe.compress.cluster
    if bits:
        tools.say(f"compress: {len(bits)} kernels clustered")
        clustering.cluster(model, bits, importance)
        if table.steps:
            tabled = clustering.wrap(model, tuple(bits))
            tools.train(tabled, recipe, "cluster", table.steps, table.learning_rate, bits=bits)
            clustering.settle(tabled, model)
    layers = tuple(
        _record(name, layer.kernel.numpy(), before[name], bits.get(name)) for name, layer in convolutions(model).items()
    )
    _require_tables(layers, before)
    return Compression(layers=layers, rounds=thinned.rounds)


def _record(name: str, kernel: np.ndarray, before: np.ndarray, bits: int | None) -> CompressedLayer:
    length = float(np.linalg.norm(before))
    moved = float(np.linalg.norm(kernel - before)) / length if length else 0.0
    return CompressedLayer(
        name=name,
        shape=kernel.shape,
        sparsity=float((kernel == 0).mean()),
        bits=bits,
        values=len(np.unique(kernel)),
        relative_error=None if bits is None else float(f"{moved:.6g}"),
    )


def _require_tables(layers: Sequence[CompressedLayer], before: Mapping[str, np.ndarray]) -> None:
    for layer in layers:
        if layer.bits is not None and layer.values > 2**layer.bits:
            raise CheckFailed(f"clustering did not take effect: {layer.name} has {layer.values} values")
        if layer.sparsity < (before[layer.name] == 0).mean():
            raise CheckFailed(f"clustering lost zeros of {layer.name}: {layer.sparsity:.3f} are left")


def finish(model: keras.Model) -> keras.Model:
    """A copy of *model* ready for export: same function, fewer operations."""
    return fold_input_scale(model)
