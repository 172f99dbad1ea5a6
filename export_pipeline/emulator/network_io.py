"""Inputs and outputs of the older neural-network format: preprocessing of images, and the five axes of 2017."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import EmulatorError
from .graph import Graph, Tensor, carrier
from .moves import reshape


def network_input(graph: Graph, network: Any, feature: Any, shape: tuple[int, ...]) -> Tensor:
    """An input of the network as its layers see it: float32, preprocessed, with the axes of its time."""
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


def network_output(graph: Graph, feature: Any, tensor: Tensor) -> Tensor:
    """A result of the network as its description declares it."""
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
