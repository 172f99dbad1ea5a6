"""A Keras network as plain data: what the process that writes a file needs of it, and no TensorFlow."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from export_pipeline.formats.keras.flat import flattened
from export_pipeline.records.signature import Signature

Described = tuple[dict[str, Any], list[np.ndarray]]


def described(model: Any, signature: Signature) -> Described:
    """The layers of *model*, of static size, in the order in which they are called, and their weights.

    Networks inside of networks are written out. Each call is ``{"kind", "name", "config", "weights", "inputs",
    "outputs", "shapes", "arguments"}``: weights are pairs of their role and their number among the arrays, inputs and
    outputs are numbers of tensors.
    """
    model = _written_out(model, signature)
    walk = _Walk()
    inputs = [walk.number(tensor) for tensor in model.inputs]
    walk.calls_of(model)
    network = {
        "inputs": inputs,
        "outputs": [walk.number(tensor) for tensor in model.outputs],
        "ports": [[port.model_dump(mode="json") for port in side] for side in (signature.inputs, signature.outputs)],
        "calls": walk.calls,
    }
    plain = json.loads(json.dumps(network, default=_plain))
    return plain, walk.arrays


def _written_out(model: Any, signature: Signature) -> Any:
    """*model* without networks inside of it."""
    import tf_keras as keras

    if not any(isinstance(layer, keras.Model) for layer in model.layers):
        return model
    return flattened(model, "the network", [port.shape for port in signature.inputs])


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return str(value)


class _Walk:
    """Numbers of tensors and arrays, and the calls so far."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.arrays: list[np.ndarray] = []
        self._tensors: dict[int, int] = {}
        self._weights: dict[int, list[tuple[str, int]]] = {}
        self._kept: list[Any] = []  # so that no other object gets the id of one of them

    def number(self, tensor: Any) -> int:
        if id(tensor) not in self._tensors:
            self._kept.append(tensor)
            self._tensors[id(tensor)] = len(self._tensors)
        return self._tensors[id(tensor)]

    def calls_of(self, model: Any) -> None:
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if not node.is_input:
                    self._call(node, node.keras_inputs, _flat(node.outputs))

    def _call(self, node: Any, inputs: list[Any], outputs: list[Any]) -> None:
        layer = node.layer
        arguments = [*node.call_args, *(value for key, value in node.call_kwargs.items() if key != "training")]
        self.calls.append(
            {
                "kind": type(layer).__name__,
                "name": layer.name,
                "config": layer.get_config(),
                "weights": self._weights_of(layer),
                "inputs": [self.number(tensor) for tensor in inputs],
                "outputs": [self.number(tensor) for tensor in outputs],
                "shapes": [[1 if length is None else length for length in tensor.shape] for tensor in outputs],
                "arguments": [self._argument(value) for value in arguments],
            }
        )

    def _argument(self, value: Any) -> Any:
        """An argument of a call: ``{"tensor": number}`` of a tensor, else as it is."""
        if hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, (np.ndarray, np.generic)):
            number = self._tensors.get(id(value))
            return {"constant": np.asarray(value)} if number is None else {"tensor": number}
        return [self._argument(each) for each in value] if isinstance(value, (list, tuple)) else value

    def _weights_of(self, layer: Any) -> list[tuple[str, int]]:
        if id(layer) not in self._weights:
            self._kept.append(layer)
            pairs = []
            for weight, values in zip(layer.weights, layer.get_weights(), strict=True):
                role = weight.name.split(":")[0].rsplit("/", 1)[-1]
                pairs.append((role, len(self.arrays)))
                self.arrays.append(np.ascontiguousarray(values))
            self._weights[id(layer)] = pairs
        return self._weights[id(layer)]


def _flat(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
