"""Networks rebuilt without some of their channels or one of their residual blocks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import tf_keras as keras

from export_pipeline import models
from export_pipeline.compress.channels import channel_groups, kept_weights
from export_pipeline.recipe import ModelTable


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
    """The network of *table* without residual block number *block*, later ones renumbered, and its table."""

    def renamed(named: Mapping[str, Any]) -> dict[str, Any]:
        pairs = ((_without(block, name), value) for name, value in named.items())
        return {name: value for name, value in pairs if name is not None}

    smaller = table.model_copy(update={"blocks": len(blocks_of(model)) - 1, "widths": renamed(table.widths)})
    return _rebuilt(smaller, renamed(kept_weights(model, (), {}))), smaller


def _rebuilt(table: ModelTable, weights: Mapping[str, list[np.ndarray]]) -> keras.Model:
    model = models.NETWORKS[table.network](**table.model_dump(exclude={"network"}))
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name])
    return model


def convolutions_of(model: keras.Model) -> list[Any]:
    """The convolutions of *model*, in its order."""
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def block_of(name: str) -> int | None:
    """The residual block that a layer is of, by its name."""
    found = re.match(r"block(\d+)_", name)
    return int(found[1]) if found else None


def _without(block: int, name: str) -> str | None:
    """What the layer *name* is called once residual block number *block* is gone; ``None`` if it goes along."""
    number = block_of(name)
    if number is None or number < block:
        return name
    return None if number == block else re.sub(r"\d+", str(number - 1), name, count=1)


def blocks_of(model: keras.Model) -> list[int]:
    """The numbers of the residual blocks of *model*."""
    numbers = {block_of(layer.name) for layer in model.layers}
    return sorted(number for number in numbers if number is not None)
