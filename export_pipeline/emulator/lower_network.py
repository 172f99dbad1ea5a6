"""The older neural-network format becomes ONNX. It has no types: everything runs in float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import EmulatorError, UnsupportedOperationError
from .graph import Graph, Tensor, carrier
from .guard import guarded
from .moves import reshape
from .network_weights import decode
from .program import Source
from .registry import layers, refuse_unknown


class LayerCall:
    """One layer of a neural network while it is lowered."""

    def __init__(self, proto: Any, graph: Graph, inputs: list[Tensor]) -> None:
        self.proto = proto
        self.kind = str(proto.WhichOneof("layer"))
        self.params = getattr(proto, self.kind)
        self.graph = graph
        self.inputs = inputs

    @property
    def x(self) -> Tensor:
        """The first input."""
        return self.inputs[0]

    def weights(self, field: str, shape: Any, channel_axis: int = 0) -> np.ndarray:
        """The weights in *field*, as float32 of *shape*."""
        sizes = tuple(int(size) for size in shape)
        return decode(getattr(self.params, field), sizes, f"layer {self.proto.name!r}", channel_axis)

    def pair(self, field: str, default: int) -> list[int]:
        """A ``[H, W]`` field, or the default for both."""
        values = [int(value) for value in getattr(self.params, field)]
        return values if len(values) == 2 else [default, default]

    def unsupported(self, reason: str) -> UnsupportedOperationError:
        """The error to raise when a variant of the layer is not lowered."""
        return UnsupportedOperationError(
            f"the emulator does not run layer {self.proto.name!r} of type {self.kind!r}: {reason}"
        )


def lower_network(source: Source, shapes: Mapping[str, tuple[int, ...]]) -> Graph:
    """Lower a neural network for input *shapes* (as declared: ``[C, H, W]``, or any for arrays)."""
    network = source.spec.neuralNetwork
    table = layers()
    refuse_unknown([str(layer.WhichOneof("layer")) for layer in network.layers], table, "layers")
    graph = Graph()
    env = {f.name: _input(graph, network, f, shapes[f.name]) for f in source.spec.description.input}
    for proto in network.layers:
        missing = [name for name in proto.input if name not in env]
        if missing:
            raise EmulatorError(
                f"{source.label} is malformed: nothing makes input {missing[0]!r} of layer {proto.name!r}"
            )
        results = _lower_layer(LayerCall(proto, graph, [env[name] for name in proto.input]), table)
        env.update(zip(proto.output, results, strict=True))
    for feature in source.spec.description.output:
        if feature.name not in env:
            raise EmulatorError(f"{source.label} is malformed: no layer makes its output {feature.name!r}")
        graph.output(feature.name, _output(graph, feature, env[feature.name]))
    return graph


def _lower_layer(call: LayerCall, table: Mapping[str, Any]) -> list[Tensor]:
    with guarded(f"layer {call.proto.name!r} of type {call.kind!r}"):
        result = table[call.kind].function(call)
    tensors = [result] if isinstance(result, Tensor) else list(result)
    floats = [call.graph.cast(tensor, np.float32) for tensor in tensors]
    # The format has no scalars: what would be one has the shape [1].
    return [reshape(call.graph, tensor, [1]) if tensor.shape == () else tensor for tensor in floats]


def _input(graph: Graph, network: Any, feature: Any, shape: tuple[int, ...]) -> Tensor:
    if feature.type.WhichOneof("Type") == "imageType":
        tensor = _preprocess(graph, network, feature, graph.input(feature.name, np.float32, shape))
        return tensor if network.imageInputShapeMapping else reshape(graph, tensor, (1, *shape))
    dtype = array_dtype(feature.type.multiArrayType)
    tensor = graph.cast(graph.cast(graph.input(feature.name, dtype, shape), carrier(dtype)), np.float32)
    if network.arrayInputShapeMapping:
        return tensor
    # Without a mapping every tensor is [sequence, batch, channel, height, width].
    full = {1: (1, 1, *shape, 1, 1), 3: (1, 1, *shape), 5: shape}.get(len(shape))
    if full is None:
        raise EmulatorError(f"input {feature.name!r} has {len(shape)} dimensions; this older model takes 1, 3 or 5")
    return reshape(graph, tensor, full)


def _preprocess(graph: Graph, network: Any, feature: Any, x: Tensor) -> Tensor:
    for step in network.preprocessing:
        # A lone preprocessing step may leave out which input it is for.
        if step.featureName != feature.name and (step.featureName or len(network.preprocessing) > 1):
            continue
        if step.WhichOneof("preprocessor") == "scaler":
            s, order = step.scaler, feature.type.imageType.colorSpace
            # 10 is grayscale, 20 is RGB, 30 is BGR in FeatureTypes.proto.
            bias = {10: [s.grayBias], 20: [s.redBias, s.greenBias, s.blueBias]}.get(
                order, [s.blueBias, s.greenBias, s.redBias]
            )
            scaled = graph.node("Mul", x, float(s.channelScale))
            x = graph.node("Add", scaled, np.array(bias, np.float32).reshape(-1, 1, 1))
        else:
            mean = np.array(step.meanImage.meanImage, np.float32).reshape(x.sizes[1:])
            x = graph.node("Sub", x, mean)
    return x


def _output(graph: Graph, feature: Any, tensor: Tensor) -> Tensor:
    kind = feature.type.WhichOneof("Type")
    if kind == "imageType":
        return reshape(graph, tensor, (1, *tensor.sizes[-3:]))
    array = feature.type.multiArrayType
    declared = tuple(int(size) for size in array.shape)
    if declared and None not in (tensor.shape or (None,)) and np.prod(declared) == np.prod(tensor.sizes):
        tensor = reshape(graph, tensor, declared)
    return graph.cast(tensor, array_dtype(array))


def array_dtype(array: Any) -> np.dtype[Any]:
    """The NumPy type of a multi-array feature (float32 where none is given)."""
    code = int(array.dataType)
    # ArrayFeatureType: the low byte is the bits of a value, 0x20000 marks integers.
    integers = {0x20000 | 32: np.int32, 0x20000 | 8: np.int8}
    floats = {0x10000 | 64: np.float64, 0x10000 | 32: np.float32, 0x10000 | 16: np.float16}
    return np.dtype({**integers, **floats}.get(code, np.float32))
