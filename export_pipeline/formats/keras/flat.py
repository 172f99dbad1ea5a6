"""Networks inside of networks, written out layer by layer: what compresses and exports looks at the layers of one."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

from export_pipeline.errors import ModelError, RecipeError

HALVES = ("float16", "bfloat16")
_SCALED = "_pixels"  # after the name of an input, that of the layer which scales it


def flattened(
    model: Any,
    path: str,
    shapes: Sequence[tuple[int | None, ...]],
    scales: Sequence[tuple[float, float] | None] = (),
) -> Any:
    """A network with the layers, names and weights of *model*, read from *path*, and no network inside of it.

    *shapes* are those of its inputs, with a batch, which stays open. *scales* are factor and offset that the values of
    an input are brought to the network's by, in a layer before it.

    A layer that has the name of another one gets that of the network that it was in before its own.

    Raises:
        ModelError: it is no network of layers from inputs to outputs, or computes in other numbers than float32.
        RecipeError: it does not take such inputs.
    """
    import tf_keras as keras

    if not hasattr(model, "_nodes_by_depth"):
        raise ModelError(
            f"{path} holds a {type(model).__name__}, which is no network of layers from inputs to outputs. Build it "
            "with keras.Model(inputs, outputs), and save that."
        )
    halved = [layer.name for layer in model.submodules if getattr(layer, "compute_dtype", None) in HALVES]
    if halved:
        raise ModelError(
            f"{path} computes in 16 bits ({', '.join(halved[:3])}, ..): its files could not be compared with a float32 "
            "network. Build it again with the dtype policy float32, give it the weights, and save that."
        )
    inputs = [
        keras.Input(batch_shape=(None, *shape[1:]), dtype=tensor.dtype, name=name)
        for tensor, name, shape in zip(model.inputs, model.input_names, shapes, strict=True)
    ]
    copier = _Copier({*model.input_names, *(f"{name}{_SCALED}" for name in model.input_names)})
    try:
        outputs = copier.called(model, _scaled(inputs, scales))
    except ValueError as error:
        sizes = ", ".join("x".join(map(str, shape[1:])) for shape in shapes)
        reason = str(error).strip().splitlines()[0][:200]
        raise RecipeError(
            f"the network in {path} does not take {sizes}: {reason}. Give another export.height and width"
        ) from error
    made = keras.Model(inputs, outputs, name=model.name)
    made.output_names = list(model.output_names)
    for layer, copy in copier.pairs():
        copy.set_weights(layer.get_weights())
    return made


def _scaled(inputs: Sequence[Any], scales: Sequence[tuple[float, float] | None]) -> list[Any]:
    import tf_keras as keras

    pairs = itertools.zip_longest(inputs, scales)
    return [
        each if scale is None else keras.layers.Rescaling(*scale, name=f"{each.name}{_SCALED}")(each)
        for each, scale in pairs
    ]


class _Copier:
    """Calls copies of layers; a layer that is called twice has one."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self._copies: dict[int, tuple[Any, Any]] = {}

    def pairs(self) -> list[tuple[Any, Any]]:
        return list(self._copies.values())

    def called(self, model: Any, inputs: list[Any], inside: str = "") -> list[Any]:
        """What *model* gives for *inputs*, a list of tensors."""
        import tensorflow as tf
        import tf_keras as keras

        tensors = {str(id(own)): tensor for own, tensor in zip(model.inputs, inputs, strict=True)}
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if node.is_input:
                    continue
                uses = Counter(map(str, node.flat_input_ids))
                args, kwargs = node.map_arguments({key: [tensors[key]] * count for key, count in uses.items()})
                kwargs.pop("training", None)
                if isinstance(node.layer, keras.Model):
                    given = self.called(node.layer, tf.nest.flatten(args), f"{inside}{node.layer.name}_")
                else:
                    given = tf.nest.flatten(self._copy(node.layer, inside)(*args, **kwargs))
                tensors.update(zip(map(str, node.flat_output_ids), given, strict=True))
        return [tensors[str(id(tensor))] for tensor in model.outputs]

    def _copy(self, layer: Any, inside: str) -> Any:
        if id(layer) not in self._copies:
            config = layer.get_config()
            name = layer.name if layer.name not in self._taken else f"{inside}{layer.name}"
            while name in self._taken:
                name += "_"
            self._taken.add(name)
            config["name"] = name
            self._copies[id(layer)] = (layer, layer.__class__.from_config(config))
        return self._copies[id(layer)][1]
