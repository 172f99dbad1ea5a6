"""Convolutions by name: which are compressed, and how far each is pruned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from export_pipeline.errors import RecipeError, near
from export_pipeline.recipe.compress import CompressTable


def convolutions(model: keras.Model) -> dict[str, Any]:
    """The convolutions of *model* by layer name, in the network's order: what pruning and clustering look at."""
    return {layer.name: layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}


def copy_of(model: keras.Model) -> keras.Model:
    """A network like *model* with variables of its own, so that it can be trained while *model* stays as it is."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def one_by_one(samples: Sequence[np.ndarray]) -> list[Any]:
    """Batches of one as a model is called with them, from arrays ``(N, ...)`` for each of its inputs."""
    batches = [
        [tf.constant(part[index : index + 1], tf.float32) for part in samples] for index in range(len(samples[0]))
    ]
    return [batch[0] if len(batch) == 1 else batch for batch in batches]


def require_known(table: CompressTable, names: Iterable[str]) -> None:
    """Refuse names and patterns of ``layers`` and ``skip`` that match none of *names*.

    Raises:
        RecipeError: one matches no convolution, or a layer is both pruned and left out by name.
    """
    names = list(names)
    if (table.prunes or table.clusters) and not names:
        raise RecipeError(
            "compress: the network has no two-dimensional convolution, which is what is pruned and clustered; leave "
            "[compress] out. 8-bit targets store dense and recurrent kernels in 8 bits without it"
        )
    for key, patterns in (("layers", table.layers), ("skip", table.skip)):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise RecipeError(f"compress.{key}: {pattern!r} matches no convolution; {near(pattern, names)}")
    if (table.prunes or table.clusters) and not compressible_layers(table, names):
        raise RecipeError("compress.skip leaves out every convolution; leave one of them, or take the rest out")
    for name in table.layers:
        if name in table.skip:
            raise RecipeError(f"compress.layers gives {name} a sparsity and compress.skip leaves it out; keep one")


def require_left(table: CompressTable, names: Iterable[str], left: Iterable[str]) -> None:
    """Refuse what *table* says of layers if it holds for *names*, but not when only those in *left* are still there.

    Raises:
        RecipeError: one matches only blocks that structured pruning may take out, or all that may be left is skipped.
    """
    names, left = list(names), list(left)
    for key, patterns in (("layers", table.layers), ("skip", table.skip)):
        for pattern in patterns:
            if any(fnmatchcase(name, pattern) for name in names if name not in left) and not any(
                fnmatchcase(name, pattern) for name in left
            ):
                raise RecipeError(
                    f"compress.{key}: {pattern!r} may match nothing, for compress.structured.blocks takes out "
                    f"{table.structured.blocks} and the others are numbered from 0.\n"
                    f"Take it out, or name what is sure to be left: {', '.join(left)}."
                )
    require_known(table, left)


def compressible_layers(table: CompressTable, names: Iterable[str]) -> tuple[str, ...]:
    """Those of *names* that ``skip`` does not leave out."""
    return tuple(name for name in names if not any(fnmatchcase(name, pattern) for pattern in table.skip))


def sparsities(table: CompressTable, names: Iterable[str]) -> dict[str, float]:
    """Final sparsity of each of *names*; 0 for what is left out, and for all without a schedule.

    A name in ``layers`` goes before its patterns, and an earlier pattern before a later one.
    """
    names = list(names)
    if not table.prunes:
        return dict.fromkeys(names, 0.0)
    kept = set(compressible_layers(table, names))
    return {name: _sparsity(table, name) if name in kept else 0.0 for name in names}


def _sparsity(table: CompressTable, name: str) -> float:
    if name in table.layers:
        return table.layers[name]
    matches = (share for pattern, share in table.layers.items() if fnmatchcase(name, pattern))
    return next(matches, table.final_sparsity)
