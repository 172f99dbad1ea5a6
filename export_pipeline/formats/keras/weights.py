"""The weights of a network from the HDF5 files that Keras writes: within an archive, and whole ``.h5`` files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from export_pipeline.errors import ModelError
from export_pipeline.formats.keras.keras3 import Built
from export_pipeline.formats.keras.shared_layers import LAYERS


def fill_from_archive(built: Built, file: Any, where: str) -> None:
    """Give *built* the weights of ``model.weights.h5``, opened as *file*.

    Raises:
        ModelError: a layer has other weights there.
    """
    for way, layer in built.placed.items():
        group = "/".join(f"layers/{name}" for name in way)
        found = [each for part in _parts(layer, group) for each in _variables(file, part)]
        _assign(layer.name, layer.weights, found, file, where)


def fill_from_h5(built: Built, file: Any, where: str) -> None:
    """Give *built* the weights of a whole ``.h5`` file, opened as *file*, where each outermost layer has a group.

    Raises:
        ModelError: a layer has other weights there.
    """
    layers: dict[str, list[Any]] = {}
    for way, layer in built.named.items():
        layers.setdefault(way[0], []).append(layer)
    for name, parts in layers.items():
        group = file["model_weights"].get(name, {})
        found = [group[_text(each)] for each in group.attrs["weight_names"]] if group else []
        # A network inside of another lists what is trained first, of all its layers.
        wanted = [*_of(parts, "trainable_weights"), *_of(parts, "non_trainable_weights")]
        _assign(name, wanted, found, file, where)


def _of(layers: list[Any], side: str) -> list[Any]:
    return [weight for layer in layers for weight in getattr(layer, side)]


def _parts(layer: Any, group: str) -> Iterator[str]:
    """Groups of an archive that hold the variables of *layer*, in the order of its weights."""
    kind = type(layer).__name__
    if kind == "Bidirectional":
        yield from _parts(layer.forward_layer, f"{group}/forward_layer")
        yield from _parts(layer.backward_layer, f"{group}/backward_layer")
    elif kind == "TimeDistributed":
        yield from _parts(layer.layer, f"{group}/layer")
    else:
        yield "/".join((group, *LAYERS[kind].inner))


def _variables(file: Any, group: str) -> list[Any]:
    found = file.get(f"{group}/vars", {})
    return [found[name] for name in sorted(found, key=int)]


def _assign(name: str, weights: list[Any], found: list[Any], file: Any, where: str) -> None:
    """Give *weights*, those of the layer *name*, the values of the datasets *found* in *file*."""
    for each in found:
        # A link or a dataset may lead into another file, which is nobody's business here.
        if each.file.filename != file.filename or getattr(each, "external", None) or getattr(each, "is_virtual", False):
            raise ModelError(f"{where} has weights of its layer {name!r} in another file; allowed: in the file itself.")
    # Before anything is read: a dataset may claim any size.
    if [tuple(weight.shape) for weight in weights] != [getattr(each, "shape", None) for each in found]:
        held, needed = (
            ", ".join(str(getattr(each, "shape", None)) for each in side) or "none" for side in (found, weights)
        )
        raise ModelError(f"{where} is damaged: its layer {name!r} has the weights {held} and must have {needed}.")
    for weight, values in zip(weights, found, strict=True):
        weight.assign(np.asarray(values))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
