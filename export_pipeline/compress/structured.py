"""Structured pruning: whole filters and whole residual blocks go, and the network is rebuilt without them.

Li et al., "Pruning Filters for Efficient ConvNets", 2017, for filters by their L1 norm; Liu et al., "Learning Efficient
Convolutional Networks through Network Slimming", 2017, for channels by the scale of the norm behind them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tf_keras as keras

import models
from export_pipeline.compress.channels import Group, channel_groups, kept_weights
from export_pipeline.errors import CheckFailed, RecipeError
from export_pipeline.recipe import ModelTable, Recipe
from export_pipeline.recipe.compress import StructuredTable
from export_pipeline.records.rounds import Quality, Round

# Channels that a group keeps at least. The image has three, so that fewer could not even pass its colors on; and
# processors compute four floats at a time, so that fewer are hardly faster.
LEAST_CHANNELS = 4
DIGITS = 6  # of a distance; more is noise
NOTHING_LEFT = f"no layer has more than {LEAST_CHANNELS} filters left to take from"

# Fine-tunes a network in place: the model, the recipe whose [model] rebuilds it, a name for the work folder, the steps
# and the learning rate.
Train = Callable[[keras.Model, Recipe, str, int, float], None]
Judge = Callable[[keras.Model], Quality]


@dataclass(frozen=True)
class _Network:
    """A network, the ``[model]`` that rebuilds it, and what was taken out of it last."""

    model: keras.Model
    table: ModelTable
    taken: Mapping[str, int]
    block: int | None = None


def narrow(
    model: keras.Model, recipe: Recipe, train: Train, judge: Judge
) -> tuple[keras.Model, ModelTable, tuple[Round, ...]]:
    """Take out what ``[compress.structured]`` asks for, a round at a time, until the network is no longer good enough.

    First whole residual blocks, then filters. A round that ends above a limit of the recipe is undone and is the last.
    *model* itself, the network of ``recipe.model``, is left as it is. What goes follows from the weights alone: when
    *train* gives the same again, so does this.

    Args:
        train: called in each round, unless the recipe has no steps for it.
        judge: called before the rounds, after each, and for each block that could be the next to go.

    Returns:
        The narrow network, the ``[model]`` that rebuilds it, and the rounds; none if the recipe asks for none.

    Raises:
        RecipeError: the network has fewer blocks than are to go, no filters to spare, or no norms to go by.
        CheckFailed: a measured distance is not finite.
    """
    settings = recipe.compress.structured
    if not settings.blocks and not settings.rounds:
        return model, recipe.model, ()
    require_spare(model, settings)
    now = _Network(model, recipe.model, {})
    rounds = [_measured(now, "start", 0, judge)]
    for number in range(settings.blocks + settings.rounds):
        smaller = _smaller(now, settings, number, judge)
        if smaller is None:
            rounds[-1] = rounds[-1].model_copy(update={"reason": NOTHING_LEFT})
            break
        part = f"structured-{number}"
        if settings.steps:
            its_recipe = recipe.model_copy(update={"model": smaller.table})
            train(smaller.model, its_recipe, part, settings.steps, settings.learning_rate)
        done = _measured(smaller, part, settings.steps, judge)
        if reason := _above(done, settings):
            rounds.append(done.model_copy(update={"status": "undone", "reason": reason}))
            break
        rounds.append(done)
        now = smaller
    return now.model, now.table, tuple(rounds)


def narrowed(model: keras.Model, table: ModelTable, keep: Mapping[str, np.ndarray]) -> tuple[keras.Model, ModelTable]:
    """The network of *table* with only some of its channels, and the table that rebuilds it.

    Args:
        keep: channels to keep, by the name of each of ``channel_groups(model)``, in ascending order.
    """
    groups = channel_groups(model)
    widths = {name: len(keep[group.name]) for group in groups for name in group.makers}
    smaller = table.model_copy(update={"widths": {**table.widths, **widths}})
    return _rebuilt(smaller, kept_weights(model, groups, keep)), smaller


def without_block(model: keras.Model, table: ModelTable, block: int) -> tuple[keras.Model, ModelTable]:
    """The network of *table* without residual block number *block*, those behind renumbered, and its table."""

    def renamed(named: Mapping[str, Any]) -> dict[str, Any]:
        pairs = ((_without(block, name), value) for name, value in named.items())
        return {name: value for name, value in pairs if name is not None}

    smaller = table.model_copy(update={"blocks": len(_blocks(model)) - 1, "widths": renamed(table.widths)})
    return _rebuilt(smaller, renamed(kept_weights(model, (), {}))), smaller


def scores(model: keras.Model, group: Group, criterion: str) -> np.ndarray:
    """How much each channel of *group* counts: a vector of its size, 0 or more.

    ``l1`` is the L1 norm of a filter relative to the mean of its layer, averaged over the convolutions of the group: a
    norm behind a convolution takes its scale out, so that only the filters of one layer compare by themselves.
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


def _smaller(now: _Network, settings: StructuredTable, number: int, judge: Judge) -> _Network | None:
    """The network of the next round before its fine-tuning; ``None`` if nothing is left to take out."""
    return _without_least_block(now, judge) if number < settings.blocks else _without_least_filters(now, settings)


def _without_least_filters(now: _Network, settings: StructuredTable) -> _Network | None:
    groups = channel_groups(now.model)
    keep = least(now.model, groups, settings.filters, settings.criterion)
    gone = {group: group.size - len(keep[group.name]) for group in groups}
    if not any(gone.values()):
        return None
    taken = {name: count for group, count in gone.items() if count for name in group.makers}
    return _Network(*narrowed(now.model, now.table, keep), taken)


def _without_least_block(now: _Network, judge: Judge) -> _Network:
    """Without the block whose loss, before any fine-tuning, adds least to the two distances."""

    def added(block: int) -> float:
        quality = _finite(judge(without_block(now.model, now.table, block)[0]))
        return quality.style_distance + quality.content_distance

    block = min(_blocks(now.model), key=added)
    taken = {layer.name: layer.filters for layer in _convolutions(now.model) if _block_of(layer.name) == block}
    return _Network(*without_block(now.model, now.table, block), taken, block)


def _rebuilt(table: ModelTable, weights: Mapping[str, list[np.ndarray]]) -> keras.Model:
    model = models.NETWORKS[table.network](**table.model_dump(exclude={"network"}))
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name])
    return model


def _convolutions(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def _block_of(name: str) -> int | None:
    """The residual block that a layer is of, by its name."""
    found = re.match(r"block(\d+)_", name)
    return int(found[1]) if found else None


def _without(block: int, name: str) -> str | None:
    """What the layer *name* is called once residual block number *block* is gone; ``None`` if it goes along."""
    number = _block_of(name)
    if number is None or number < block:
        return name
    return None if number == block else re.sub(r"\d+", str(number - 1), name, count=1)


def _blocks(model: keras.Model) -> list[int]:
    numbers = {_block_of(layer.name) for layer in model.layers}
    return sorted(number for number in numbers if number is not None)


def _measured(network: _Network, part: str, steps: int, judge: Judge) -> Round:
    quality = _finite(judge(network.model))
    return Round(
        part=part,
        block=network.block,
        taken=dict(network.taken),
        filters=sum(layer.filters for layer in _convolutions(network.model)),
        parameters=network.model.count_params(),
        steps=steps,
        style_distance=round(quality.style_distance, DIGITS),
        content_distance=round(quality.content_distance, DIGITS),
        status="kept" if network.taken else "start",
    )


def _finite(quality: Quality) -> Quality:
    if not math.isfinite(quality.style_distance + quality.content_distance):
        raise CheckFailed(f"structured pruning measured {quality}, which is not finite. Try a lower learning_rate.")
    return quality


def _above(done: Round, settings: StructuredTable) -> str:
    """Which limit of *settings* a round ended above; empty if none."""
    for name in ("style_distance", "content_distance"):
        limit, found = getattr(settings, name), getattr(done, name)
        if limit is not None and found > limit:
            return f"{name.replace('_', ' ')} {found:.4f} is above {limit:g}"
    return ""


def require_spare(model: keras.Model, settings: StructuredTable) -> None:
    """Refuse, before anything is trained, what cannot be taken out of *model*.

    Raises:
        RecipeError: it has fewer blocks than are to go, no filters to spare, or no norms to go by.
    """
    groups, blocks = channel_groups(model), len(_blocks(model))
    if settings.blocks > blocks:
        raise RecipeError(f"compress.structured.blocks is {settings.blocks}; the network has {blocks}")
    if not settings.rounds:
        return
    if not any(group.size > LEAST_CHANNELS for group in groups):
        raise RecipeError(f"compress.structured.rounds is {settings.rounds}, but {NOTHING_LEFT}; widen model.alpha")
    scaled = all(getattr(model.get_layer(name), "gamma", None) is not None for g in groups for name in g.norms)
    if settings.criterion == "norm_scale" and not (scaled and all(group.norms for group in groups)):
        raise RecipeError("compress.structured.criterion is norm_scale, but not every filter has a norm behind; use l1")


def surely_left(model: keras.Model, settings: StructuredTable) -> tuple[str, ...]:
    """The convolutions that *model* has when every block that *settings* may take out is gone, whichever these are.

    Blocks that are left are numbered anew, so that it is those of the highest numbers that there are no more.
    """
    left = len(_blocks(model)) - settings.blocks
    names = [layer.name for layer in _convolutions(model)]
    return tuple(name for name in names if (number := _block_of(name)) is None or number < left)
