"""The network that a Keras 3 file describes, as one of Keras 2."""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from export_pipeline.errors import ModelError
from export_pipeline.formats.keras.shared_layers import ALIKE_IN_TRAINING, LAYERS, translated

_NETWORKS = ("Functional", "Sequential")
# Operations on tensors that stand between layers, written with Python's operators.
_OPERATORS: Mapping[str, str] = {
    "Add": "add",
    "Subtract": "sub",
    "Multiply": "mul",
    "TrueDivide": "truediv",
    "Divide": "truediv",
}
_OPERATIONS = "keras.src.ops.numpy"
_MORE = 8  # layers that an error names


@dataclass(frozen=True)
class Built:
    """A network of Keras 2, and its layers by the way to each in the file that it was built from.

    A way is the names of the networks that a layer is in, from the outermost, and its own. ``placed`` has names as an
    archive gives them, by class and number; ``named`` those of the layers.
    """

    model: Any
    placed: dict[tuple[str, ...], Any] = field(default_factory=dict)
    named: dict[tuple[str, ...], Any] = field(default_factory=dict)


def network(entry: Mapping[str, Any], where: str) -> Built:
    """The network of the ``config.json`` of a Keras 3 archive or the ``model_config`` of its ``.h5`` file, untrained.

    Raises:
        ModelError: parts of it are not translated, each is named.
    """
    found = list(dict.fromkeys(untranslated(entry)))
    if found:
        listed = "; ".join(found[:_MORE]) + (f"; and {len(found) - _MORE} more" if len(found) > _MORE else "")
        raise ModelError(
            f"{where} was saved by Keras 3 and has what is not read: {listed}.\n"
            "Build that part of layers that are (they are listed in formats/README.md), and save the network again; or "
            "save it with Keras 2: TF_USE_LEGACY_KERAS=1, import tf_keras."
        )
    return _built(entry)


def untranslated(entry: Mapping[str, Any]) -> Iterator[str]:
    """What of a network is not translated, in words: layers by name and class, and why."""
    if not _is_network(entry):
        yield f"a network of the class {entry.get('registered_name') or entry.get('class_name')}"
        return
    for each in entry["config"].get("layers", ()):
        kind, config, name = str(each.get("class_name")), each.get("config", {}), _name(each)
        if _is_network(each):
            yield from untranslated(each)
        elif _is_layer(each) and kind in LAYERS:
            try:
                translated(kind, config)
            except ModelError as reason:
                yield f"{name} ({kind}): {reason}"
        elif not _is_input(each) and not (_is_operation(each) and kind in _OPERATORS):
            yield f"{name} ({each.get('registered_name') or kind})"
        for node in each.get("inbound_nodes", ()):
            if (odd := _odd_arguments(node)) and kind not in ALIKE_IN_TRAINING:
                yield f"{name} ({kind}): called with {', '.join(odd)}"


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("name") or entry["config"]["name"])


def _is_network(entry: Mapping[str, Any]) -> bool:
    module = str(entry.get("module", "keras"))  # .h5 files name none
    return entry.get("class_name") in _NETWORKS and (module == "keras" or module.startswith("keras.src.models."))


def _is_layer(entry: Mapping[str, Any]) -> bool:
    return str(entry.get("module", "keras.layers")) == "keras.layers" and not _is_operation(entry)


def _is_input(entry: Mapping[str, Any]) -> bool:
    return _is_layer(entry) and entry.get("class_name") == "InputLayer"


def _is_operation(entry: Mapping[str, Any]) -> bool:
    if "module" in entry:
        return bool(entry["module"] == _OPERATIONS)
    # A layer of the same name may be trainable; an operation has a name only.
    return entry.get("class_name") in _OPERATORS and "trainable" not in entry.get("config", {})


def _odd_arguments(node: Mapping[str, Any]) -> list[str]:
    """Arguments of a call that would change what it gives."""
    return [key for key, value in node.get("kwargs", {}).items() if value]


def _built(entry: Mapping[str, Any]) -> Built:
    import tf_keras as keras

    config, made = entry["config"], Built(None)
    layers, calls = {}, []
    used: Counter[str] = Counter()
    for each in config["layers"]:
        name = _name(each)
        layers[name] = _layer(each)
        if not _is_operation(each) and not _is_input(each):
            kind = _snake_case(each["class_name"])
            _place(made, f"{kind}_{used[kind]}" if used[kind] else kind, name, layers[name])
            used[kind] += 1
        calls += [(name, number, node) for number, node in enumerate(each.get("inbound_nodes", ()))]
    if entry["class_name"] == "Sequential":
        ends = _in_a_row(config, layers)
    else:
        tensors = {(_name(each), 0, 0): layers[_name(each)] for each in config["layers"] if _is_input(each)}
        _call_all(calls, layers, tensors, config["name"])
        # At the ends, the first node of a functional network inside of another is its own; elsewhere it is not counted.
        own = {_name(each) for each in config["layers"] if _is_network(each) and each["class_name"] == "Functional"}
        tensors |= {(name, number + 1, index): found for (name, number, index), found in tensors.items() if name in own}
        ends = tuple(_ends(config[side], tensors) for side in ("input_layers", "output_layers"))
    model = keras.Model(*ends, name=config["name"])
    if isinstance(config.get("output_layers"), Mapping):
        model.output_names = sorted(config["output_layers"])
    return Built(model, made.placed, made.named)


def _place(made: Built, placed: str, name: str, layer: Any) -> None:
    """Note where the variables of *layer* lie; those of a network inside lie below it."""
    if not isinstance(layer, Built):
        made.placed[(placed,)], made.named[(name,)] = layer, layer
        return
    made.placed.update({(placed, *way): found for way, found in layer.placed.items()})
    made.named.update({(name, *way): found for way, found in layer.named.items()})


def _layer(entry: Mapping[str, Any]) -> Any:
    """A layer, a network inside of another, the tensor of an input, or what applies an operator."""
    import tf_keras as keras

    kind, config = entry["class_name"], entry["config"]
    if _is_network(entry):
        return _built(entry)
    if _is_operation(entry):
        return lambda first, second: getattr(operator, _OPERATORS[kind])(first, second)
    if _is_input(entry):
        shape = config.get("batch_shape") or config.get("batch_input_shape")
        return keras.Input(batch_shape=shape, dtype=config["dtype"], name=config["name"])
    return getattr(keras.layers, kind).from_config(translated(kind, config))


def _in_a_row(config: Mapping[str, Any], layers: Mapping[str, Any]) -> tuple[Any, Any]:
    """Input and output of layers that are called one after the other."""
    if not _is_input(config["layers"][0]):
        raise ModelError(f"the network {config['name']!r} has no input shape; call it once before it is saved.")
    first, *others = layers.values()
    tensor = first
    for layer in others:
        tensor = (layer.model if isinstance(layer, Built) else layer)(tensor)
    return first, tensor


Call = tuple[str, int, Mapping[str, Any]]


def _call_all(calls: list[Call], layers: Mapping[str, Any], tensors: dict[Any, Any], network: str) -> None:
    """Call each layer where all that it takes is there, until all calls are made; *tensors* gets what they give."""
    import tensorflow as tf

    while calls:
        left = []
        for name, number, node in calls:
            if any(key not in tensors for key in _taken(node["args"])):
                left.append((name, number, node))
                continue
            layer = layers[name].model if isinstance(layers[name], Built) else layers[name]
            given = tf.nest.flatten(layer(*_filled(node["args"], tensors)))
            tensors.update({(name, number, index): tensor for index, tensor in enumerate(given)})
        if len(left) == len(calls):
            raise ModelError(f"the network {network!r} has layers that nothing leads to: {left[0][0]}. It is damaged.")
        calls = left


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__"


def _key(value: Mapping[str, Any]) -> tuple[str, int, int]:
    name, node, index = value["config"]["keras_history"]
    return name, node, index


def _taken(value: Any) -> Iterator[tuple[str, int, int]]:
    """The tensors in the arguments of a call."""
    if _is_tensor(value):
        yield _key(value)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _taken(each)


def _filled(value: Any, tensors: Mapping[Any, Any]) -> Any:
    """The arguments of a call with the tensors in them."""
    if _is_tensor(value):
        return tensors[_key(value)]
    return [_filled(each, tensors) for each in value] if isinstance(value, (list, tuple)) else value


def _ends(listed: Any, tensors: Mapping[Any, Any]) -> Any:
    """The tensors that a network begins or ends with: one, or several, by their names if they have some."""
    if isinstance(listed, Mapping):
        return [_ends(listed[name], tensors) for name in sorted(listed)]
    if listed and isinstance(listed[0], str):
        return tensors[tuple(listed)]
    return [_ends(each, tensors) for each in listed]


def _snake_case(name: str) -> str:
    """The name of a class as archives write it: ``Conv2DTranspose`` is ``conv2d_transpose``."""
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()
