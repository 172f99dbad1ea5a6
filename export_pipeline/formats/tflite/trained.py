"""Full-integer files with ranges that training has found: nothing is calibrated."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from export_pipeline.errors import ExportError
from export_pipeline.formats.format import Conversion
from export_pipeline.formats.tflite import flatbuffer
from export_pipeline.formats.tflite.converter import converter

NOTE = "the ranges of all activations are those that quantization-aware training left: nothing was calibrated"
# Steps of a range with which the file's may differ: it is told in float32 there.
TOLERANCE = 1e-5


def convert(conversion: Conversion) -> tuple[bytes, tuple[str, ...]]:
    """The file of the network with trained ranges, and what is to be noted of it.

    Raises:
        ExportError: a convolution would compute in floats.
    """
    import tensorflow as tf

    assert conversion.rounded is not None
    converting = converter(conversion.rounded.model, conversion.signature)
    converting.optimizations = [tf.lite.Optimize.DEFAULT]
    converting.inference_input_type = converting.inference_output_type = tf.uint8
    content = flatbuffer.read(converting.convert())
    put_means_in_floats(content)
    floats = Counter(flatbuffer.float_operations(content))
    if wrong := [name for name in floats if name in flatbuffer.KERNELS]:
        raise ExportError(f"{conversion.target.name}: {floats[wrong[0]]} of {wrong[0]} compute in floats after all.")
    listed = ", ".join(f"{name} {count}" for name, count in sorted(floats.items()))
    return flatbuffer.write(content), (NOTE, *([f"in floats, between layers of 8 bits: {listed}"] if listed else []))


def put_means_in_floats(model: Any) -> None:
    """Let every mean of 8-bit values that is used in floats alone be taken in floats.

    It is the mean of an instance norm, which the converter rounds to the scale of what it is a mean of. That is off by
    up to half a step, and the norm stretches it with the channel.
    """
    (graph,) = model.subgraphs
    for mean in [operator for operator in graph.operators if flatbuffer.name(model, operator) == "MEAN"]:
        unpacked = [_unpacking(model, graph, tensor) for tensor in (mean.inputs[0], mean.outputs[0])]
        users = [operator for operator in graph.operators if mean.outputs[0] in operator.inputs]
        if all(unpacked) and users == [unpacked[1]]:
            source, result = unpacked
            mean.inputs[0], mean.outputs[0] = source.outputs[0], result.outputs[0]
            graph.operators = [operator for operator in graph.operators if operator not in (source, result)]
            graph.operators.insert(graph.operators.index(mean), source)


def _unpacking(model: Any, graph: Any, tensor: int) -> Any:
    """The operation that makes floats of *tensor*; ``None`` where there is none."""
    found = (operator for operator in graph.operators if flatbuffer.name(model, operator) == "DEQUANTIZE")
    return next((operator for operator in found if operator.inputs[0] == tensor), None)


def quantization(low: float, high: float) -> tuple[float, int]:
    """Scale and zero point of int8 for the range from *low* to *high*, as fake quantization rounds it."""
    scale = (high - low) / 255
    return scale, math.floor(-low / scale + 0.5) - 128


def check(model: Any, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Refuse a file in which an activation has another range than one of *ranges*, or one of them is missing.

    Raises:
        ExportError: ranges that are wrong or missing, named.
    """
    wanted = {name: quantization(*limits) for name, limits in ranges.items()}
    found = activations(model)
    strange = [pair for pair in found if not any(_same(pair, own) for own in wanted.values())]
    missing = [name for name, pair in wanted.items() if not any(_same(pair, own) for own in found)]
    told = []
    if strange:
        told.append(f"{len(strange)} activations have a scale that was not trained, such as {strange[0][0]:g}")
    if missing:
        told.append(f"the trained ranges of {', '.join(missing)} are not in it")
    if told:
        raise ExportError(f"the full-integer file has not taken the trained ranges: {'; '.join(told)}.")


def activations(model: Any) -> set[tuple[float, int]]:
    """Scale and zero point, as of int8, of everything in 8 bits that an operation of the file gives."""
    (graph,) = model.subgraphs
    types = flatbuffer.schema().TensorType
    offsets = {types.INT8: 0, types.UINT8: 128}
    tensors = [graph.tensors[index] for operator in graph.operators for index in operator.outputs]
    return {
        (float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0]) - offsets[tensor.type])
        for tensor in tensors
        if tensor.type in offsets
    }


def _same(one: tuple[float, int], other: tuple[float, int]) -> bool:
    return one[1] == other[1] and bool(np.isclose(one[0], other[0], rtol=TOLERANCE, atol=0))
