"""Structured pruning: whole filters and whole residual blocks go, and the network is rebuilt without them.

Li et al., "Pruning Filters for Efficient ConvNets", 2017, for filters by their L1 norm; Liu et al., "Learning Efficient
Convolutional Networks through Network Slimming", 2017, for channels by the scale of the norm that follows them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import tf_keras as keras

from export_pipeline.compress.channels import Group, channel_groups
from export_pipeline.compress.compressed import Compressed
from export_pipeline.compress.narrow import block_of, blocks_of, convolutions_of, narrowed, without_block
from export_pipeline.compress.tools import FineTune, Tools
from export_pipeline.errors import CheckFailed, RecipeError
from export_pipeline.recipe import ModelTable, Recipe
from export_pipeline.recipe.compress import StructuredTable
from export_pipeline.recipe.model import AnyModelTable
from export_pipeline.records.compression import Round
from export_pipeline.records.metric import DIGITS, Metric, Values, badness

# Channels that a group keeps at least. The image has three, so that fewer could not even pass its colors on; and
# processors compute four floats at a time, so that fewer are hardly faster.
LEAST_CHANNELS = 4
NOTHING_LEFT = f"no layer has more than {LEAST_CHANNELS} filters left to take from"

Evaluate = Callable[[keras.Model], Values]


@dataclass(frozen=True)
class _Network:
    """A network, the ``[model]`` that rebuilds it, and what was taken out of it last."""

    model: keras.Model
    table: ModelTable
    taken: Mapping[str, int]
    block: int | None = None


def run(now: Compressed, tools: Tools) -> Compressed:
    """The step: the network without what ``[compress.structured]`` takes out, and the recipe that builds it."""
    model, table, rounds = narrow(now.model, now.recipe, tools.fine_tune, tools.evaluate)
    steps = now.steps + sum(round_.steps for round_ in rounds if round_.status == "kept")
    return replace(now, model=model, recipe=now.recipe.model_copy(update={"model": table}), rounds=rounds, steps=steps)


def narrow(
    model: keras.Model, recipe: Recipe, fine_tune: FineTune, evaluate: Evaluate
) -> tuple[keras.Model, AnyModelTable, tuple[Round, ...]]:
    """Take out what ``[compress.structured]`` asks for, a round at a time, until the network is no longer good enough.

    First whole residual blocks, then filters. A round that ends beyond a limit of the recipe is undone and is the last.
    *model* itself, the network of ``recipe.model``, is left as it is. What goes follows from the weights alone: when
    *fine_tune* gives the same again, so does this.

    Args:
        fine_tune: called in each round, unless the recipe has no steps for it.
        evaluate: called before the rounds, after each, and for each block that could be the next to go.

    Returns:
        The narrow network, the ``[model]`` that rebuilds it, and the rounds; none if the recipe asks for none.

    Raises:
        RecipeError: the network has fewer blocks than are to go, no filters to spare, or no norms to go by.
        CheckFailed: a measured metric is not finite.
    """
    settings = recipe.compress.structured
    if not settings.blocks and not settings.rounds:
        return model, recipe.model, ()
    require_spare(model, settings)
    assert isinstance(recipe.model, ModelTable)  # a network from a file is not taken apart
    now = _Network(model, recipe.model, {})
    rounds = [_measured(now, "start", 0, evaluate)]
    for number in range(settings.blocks + settings.rounds):
        smaller = _smaller(now, recipe, number, evaluate)
        if smaller is None:
            rounds[-1] = rounds[-1].model_copy(update={"reason": NOTHING_LEFT})
            break
        part = f"structured-{number}"
        if settings.steps:
            its_recipe = recipe.model_copy(update={"model": smaller.table})
            fine_tune(smaller.model, its_recipe, part, settings.steps, settings.learning_rate)
        done = _measured(smaller, part, settings.steps, evaluate)
        if reason := _beyond(done, settings, recipe.metrics):
            rounds.append(done.model_copy(update={"status": "undone", "reason": reason}))
            break
        rounds.append(done)
        now = smaller
    return now.model, now.table, tuple(rounds)


def scores(model: keras.Model, group: Group, criterion: str) -> np.ndarray:
    """How much each channel of *group* counts: a vector of its size, 0 or more.

    ``l1`` is the L1 norm of a filter relative to the mean of its layer, averaged over the convolutions of the group: a
    norm after a convolution takes its scale out, so that only the filters of one layer compare by themselves.
    ``norm_scale`` is the size of gamma, averaged over the norms of the group.
    """
    if criterion == "norm_scale":
        parts = [np.abs(model.get_layer(name).gamma.numpy()) for name in group.norms]
    else:
        sums = [np.abs(model.get_layer(name).kernel.numpy()).sum((0, 1, 2)) for name in group.makers]
        parts = [found / max(found.mean(), np.finfo(np.float32).tiny) for found in sums]
    return np.asarray(np.mean(parts, axis=0))


def least(model: keras.Model, groups: tuple[Group, ...], share: float, criterion: str) -> dict[str, np.ndarray]:
    """The channels to keep, by group, when the *share* of all that counts least is taken out.

    Channels that go together count once. At least one goes, and each group keeps :data:`LEAST_CHANNELS`.
    """
    ranked = sorted(
        (score, place, channel)
        for place, group in enumerate(groups)
        for channel, score in enumerate(scores(model, group, criterion).tolist())
    )
    kept = [set(range(group.size)) for group in groups]
    count = max(1, round(share * len(ranked)))
    for _, place, channel in ranked:
        if count and len(kept[place]) > LEAST_CHANNELS:
            kept[place].remove(channel)
            count -= 1
    return {group.name: np.array(sorted(channels)) for group, channels in zip(groups, kept, strict=True)}


def _smaller(now: _Network, recipe: Recipe, number: int, evaluate: Evaluate) -> _Network | None:
    """The network of the next round before its fine-tuning; ``None`` if nothing is left to take out."""
    settings = recipe.compress.structured
    if number < settings.blocks:
        return _without_least_block(now, recipe.metrics, evaluate)
    return _without_least_filters(now, settings)


def _without_least_filters(now: _Network, settings: StructuredTable) -> _Network | None:
    groups = channel_groups(now.model)
    keep = least(now.model, groups, settings.filters, settings.criterion)
    gone = {group: group.size - len(keep[group.name]) for group in groups}
    if not any(gone.values()):
        return None
    taken = {name: count for group, count in gone.items() if count for name in group.makers}
    return _Network(*narrowed(now.model, now.table, keep), taken)


def _without_least_block(now: _Network, metrics: Sequence[Metric], evaluate: Evaluate) -> _Network:
    """Without the block whose loss, before any fine-tuning, does the least harm."""

    def harm(block: int) -> float:
        return badness(metrics, _finite(evaluate(without_block(now.model, now.table, block)[0])))

    block = min(blocks_of(now.model), key=harm)
    taken = {layer.name: layer.filters for layer in convolutions_of(now.model) if block_of(layer.name) == block}
    return _Network(*without_block(now.model, now.table, block), taken, block)


def _measured(network: _Network, part: str, steps: int, evaluate: Evaluate) -> Round:
    values = _finite(evaluate(network.model))
    about = {
        "part": part,
        "block": network.block,
        "taken": dict(network.taken),
        "filters": sum(layer.filters for layer in convolutions_of(network.model)),
        "parameters": network.model.count_params(),
        "steps": steps,
        "status": "kept" if network.taken else "start",
    }
    return Round.model_validate({**about, **{name: round(value, DIGITS) for name, value in values.items()}})


def _finite(values: Values) -> Values:
    if not all(map(math.isfinite, values.values())):
        listed = ", ".join(f"{name} {value:g}" for name, value in values.items())
        raise CheckFailed(f"structured pruning measured {listed}, which is not finite. Try a lower learning_rate.")
    return values


def _beyond(done: Round, settings: StructuredTable, metrics: Sequence[Metric]) -> str:
    """Which limit of *settings* a round ended beyond; empty if none."""
    for metric in metrics:
        limit, found = settings.limits.get(metric.name), done.metric(metric.name)
        if limit is not None and found is not None and metric.worse_than(found, limit):
            side = "above" if metric.better == "lower" else "below"
            return f"{metric.name.replace('_', ' ')} {found:.4f} is {side} {limit:g}"
    return ""


def require_spare(model: keras.Model, settings: StructuredTable) -> None:
    """Refuse, before anything is trained, what cannot be taken out of *model*.

    Raises:
        RecipeError: it has fewer blocks than are to go, no filters to spare, or no norms to go by.
    """
    groups, blocks = channel_groups(model), len(blocks_of(model))
    if settings.blocks > blocks:
        raise RecipeError(f"compress.structured.blocks is {settings.blocks}; the network has {blocks}")
    if not settings.rounds:
        return
    if not any(group.size > LEAST_CHANNELS for group in groups):
        raise RecipeError(f"compress.structured.rounds is {settings.rounds}, but {NOTHING_LEFT}; widen model.alpha")
    scaled = all(getattr(model.get_layer(name), "gamma", None) is not None for g in groups for name in g.norms)
    if settings.criterion == "norm_scale" and not (scaled and all(group.norms for group in groups)):
        raise RecipeError(
            "compress.structured.criterion is norm_scale, but not every filter is followed by a norm; use l1"
        )


def surely_left(model: keras.Model, settings: StructuredTable) -> tuple[str, ...]:
    """The convolutions that *model* has when every block that *settings* may take out is gone, whichever these are.

    Blocks that are left are numbered anew, so that it is those of the highest numbers that there are no more.
    """
    left = len(blocks_of(model)) - settings.blocks
    names = [layer.name for layer in convolutions_of(model)]
    return tuple(name for name in names if (number := block_of(name)) is None or number < left)
