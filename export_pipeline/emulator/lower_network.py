"""The older neural-network format becomes ONNX. It has no types: everything runs in float32."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import EmulatorError, UnsupportedOperationError
from .block import Block, Env
from .classifiers import class_labels, classifier_outputs, classify, probabilities_of
from .graph import Graph, Tensor
from .guard import DependsOnData, guarded
from .layers.custom import refuse_missing
from .moves import reshape
from .network_io import network_input, network_output
from .network_weights import decode
from .program import Source
from .registry import layers, refuse_unknown


class LayerCall:
    """One layer of a neural network while it is lowered."""

    def __init__(self, proto: Any, graph: Graph, env: Env, owner: NetworkBlock) -> None:
        self.proto = proto
        self.kind = str(proto.WhichOneof("layer"))
        self.params = getattr(proto, self.kind)
        self.graph = graph
        self.env = env
        self.owner = owner
        self.inputs = [env[name] for name in proto.input]

    @property
    def x(self) -> Tensor:
        """The first input."""
        return self.inputs[0]

    def value(self, index: int) -> np.ndarray:
        """The value of an input that must be known. Raises DependsOnData: the layer is lowered when it is reached."""
        found = self.graph.value_of(self.inputs[index])
        if found is None:
            raise DependsOnData(f"input {index} of layer {self.proto.name!r} depends on data", self.proto.input[index])
        return found

    def ints(self, index: int) -> list[int]:
        """The same as a list of whole numbers: shapes and axes are floats here too."""
        return [int(number) for number in self.value(index).reshape(-1)]

    def weights(self, field: str, shape: Any, channel_axis: int = 0) -> np.ndarray:
        """The weights in *field*, as float32 of *shape*."""
        return self.decoded(getattr(self.params, field), shape, channel_axis)

    def decoded(self, params: Any, shape: Any, channel_axis: int = 0) -> np.ndarray:
        """Any weights of the layer, as float32 of *shape*."""
        sizes = tuple(int(size) for size in shape)
        return decode(params, sizes, f"layer {self.proto.name!r}", channel_axis)

    def pair(self, field: str, default: int) -> list[int]:
        """A ``[H, W]`` field, or the default for both."""
        values = [int(value) for value in getattr(self.params, field)]
        return values if len(values) == 2 else [default, default]

    def host(self, function: Any, inputs: list[Tensor], *shapes: Any) -> list[Tensor]:
        """A NumPy step with one float32 output for each of *shapes* (None: not known yet)."""
        return self.graph.host(function, inputs, [(np.float32, shape) for shape in shapes])

    def unsupported(self, reason: str) -> UnsupportedOperationError:
        """The error to raise when a variant of the layer is not lowered."""
        return UnsupportedOperationError(
            f"the emulator does not run layer {self.proto.name!r} of type {self.kind!r}: {reason}"
        )


class NetworkBlock(Block):
    """Layers of a neural network; values go by their names."""

    def rest(self, items: Sequence[Any]) -> NetworkBlock:
        """What is left of the block."""
        return NetworkBlock(items, self.gives, self.depth + 1)

    def uses(self, item: Any) -> Iterable[Hashable]:
        """Inputs, and what nested networks read or write: they share the names around them."""
        yield from item.input
        for network in nested(item):
            for layer in network.layers:
                yield from self.uses(layer)
                yield from layer.output

    def carrier_of(self, key: Any) -> np.dtype[Any]:
        """The format has one type."""
        return np.dtype(np.float32)

    def lower_item(self, item: Any, graph: Graph, env: Env) -> None:
        """Lower one layer."""
        missing = [name for name in item.input if name not in env]
        if missing:
            label = graph.options.label
            raise EmulatorError(f"{label} is malformed: nothing makes input {missing[0]!r} of layer {item.name!r}")
        call = LayerCall(item, graph, env, self)
        with graph.operation(next(iter(item.output), item.name), call.kind, np.float32):
            with guarded(f"layer {item.name!r} of type {call.kind!r}"):
                result = layers()[call.kind].function(call)
            tensors = [result] if isinstance(result, Tensor) else list(result)
            floats = [graph.as_declared(tensor, np.float32, exact=False) for tensor in tensors]
        # The format has no scalars: what would be one has the shape [1].
        flat = [reshape(graph, tensor, [1]) if tensor.shape == () else tensor for tensor in floats]
        env.update(zip(written(item), flat, strict=True))


def nested(proto: Any) -> list[Any]:
    """The networks inside a layer."""
    kind = proto.WhichOneof("layer")
    if kind == "branch":
        return [proto.branch.ifBranch, proto.branch.elseBranch]
    if kind == "loop":
        return [proto.loop.conditionNetwork, proto.loop.bodyNetwork]
    return []


def written(proto: Any) -> list[str]:
    """The names that a layer gives values to. A branch or a loop writes what the layers inside write."""
    inside = [name for network in nested(proto) for layer in network.layers for name in written(layer)]
    return list(dict.fromkeys([*proto.output, *inside]))


def all_layers(network: Any, depth: int = 0) -> Iterator[Any]:
    """All layers, those of nested networks too."""
    if depth > 64:
        raise EmulatorError("the model nests networks more than 64 deep")
    for layer in network.layers:
        yield layer
        for inner in nested(layer):
            yield from all_layers(inner, depth + 1)


def lower_network(source: Source, shapes: Mapping[str, tuple[int, ...]], graph: Graph) -> None:
    """Lower a neural network for input *shapes* (as declared: ``[C, H, W]``, or any for arrays)."""
    network = source.network
    refuse_unknown((str(layer.WhichOneof("layer")) for layer in all_layers(network)), layers(), "layers")
    refuse_missing(all_layers(network), graph.options.custom, source.label)
    env: Env = {f.name: network_input(graph, network, f, shapes[f.name]) for f in source.spec.description.input}
    outputs = list(source.spec.description.output)
    labels = classifier_outputs(source)
    wanted = [feature.name for feature in outputs if feature.name not in labels]
    if labels:
        wanted.append(probabilities_of(network))
    made = {name for layer in network.layers for name in written(layer)} | set(env)
    for name in wanted:
        if name not in made:
            raise EmulatorError(f"{source.label} is malformed: no layer makes its output {name!r}")
    NetworkBlock(network.layers, wanted).lower(graph, env)
    for feature in outputs:
        if feature.name not in labels:
            graph.output(feature.name, network_output(graph, feature, env[feature.name]))
    if labels:
        classify(graph, env[wanted[-1]], class_labels(network), labels)
