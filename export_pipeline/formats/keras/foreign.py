"""Against files that would run code of their own: what a configuration of Keras 2 may name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from export_pipeline.errors import ModelError
from export_pipeline.formats.keras.library import keras

# Loading a configuration imports the modules that it names and calls their classes: others are refused.
_TRUSTED = ("keras", "tf_keras", "builtins")
# Modules of our own layers, which Keras finds by their registered name. Older files have the last.
_OUR_MODULES = ("export_pipeline.models.layers", "export_pipeline.models.color_transfer", "models.layers")
# Layers that run code that lies in the file, or any TensorFlow function that it names.
_REFUSED = ("Lambda", "__lambda__", "__typespec__")
_FUNCTIONS = ("TFOpLambda", "SlicingOpLambda")
# TensorFlow functions that compute and do nothing else: a network that adds two tensors with + names one.
_ARITHMETIC = re.compile(
    r"(math|nn|__operators__)\.\w+|cast|clip_by_value|concat|expand_dims|identity|image\.resize|pad|reshape|split|"
    r"squeeze|stack|tile|transpose|unstack"
)
_MORE = 8  # names that an error lists


def refuse_foreign(config: Any, path: Path) -> None:
    """Refuse a network whose layers come from modules other than Keras and ours, or run code of their own.

    Raises:
        ModelError: it names such modules, layers or functions; all are listed.
    """
    found = list(dict.fromkeys(_foreign(config)))
    if found:
        listed = ", ".join(found[:_MORE]) + (f" and {len(found) - _MORE} more" if len(found) > _MORE else "")
        raise ModelError(
            f"{path} holds {listed}, which may run code of the file's own; allowed: Keras layers and ours.\n"
            "Build the network with those and save it again."
        )


def _foreign(config: Any) -> Iterator[str]:
    for entry in _objects(config):
        module, name = str(entry.get("module") or "keras"), str(entry["class_name"])
        if name in _FUNCTIONS:
            function = str((entry.get("config") or {}).get("function"))
            if not _ARITHMETIC.fullmatch(function):
                yield f"{name} of {function}"
        elif (
            "module" not in entry and "items" not in entry
        ):  # older files name no modules, and shapes are objects there
            if name in _REFUSED or not (_is_of_keras(name) or _is_registered({"registered_name": name})):
                yield name
        elif name in _REFUSED or not (
            module.split(".")[0] in _TRUSTED or (module in _OUR_MODULES and _is_registered(entry))
        ):
            yield f"{module}.{name}"


def _is_of_keras(name: str) -> bool:
    found = keras()
    kinds = (found.layers, found.initializers, found.regularizers, found.constraints, found.mixed_precision)
    return name in ("Functional", "Model", "Sequential") or any(hasattr(kind, name) for kind in kinds)


def _is_registered(entry: dict[str, Any]) -> bool:
    """Whether Keras knows the class of *entry* by its registered name, so that it imports no module for it."""
    return keras().utils.get_registered_object(entry.get("registered_name")) is not None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)
