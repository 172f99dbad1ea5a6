"""Contents of a ``.keras`` file. Its operations are layers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.formats.keras.runtime import KerasRuntime
from export_pipeline.formats.tensors import summary, weight
from export_pipeline.records.contents import Contents

_CONVOLUTIONS = ("Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D")


def read(path: Path, height: int | None, width: int | None) -> Contents:
    """Read the layers; *height* and *width* stand for those that the network leaves open."""
    runtime = KerasRuntime(path)
    layers = [layer for layer in runtime.model.layers if type(layer).__name__ != "InputLayer"]
    weights = [
        weight(
            variable.path if hasattr(variable, "path") else variable.name.removesuffix(":0"),
            values,
            values.dtype.name,
            values.dtype.itemsize * 8,
            type(layer).__name__ in _CONVOLUTIONS and values.ndim == 4,
        )
        for layer in layers
        for variable, values in zip(layer.weights, layer.get_weights(), strict=True)
    ]
    return summary(
        weights,
        Counter(type(layer).__name__ for layer in layers),
        Counter(str(layer.compute_dtype) for layer in layers),
        _work(runtime, height, width),
    )


def _work(runtime: KerasRuntime, height: int | None, width: int | None) -> int | None:
    """Multiply-accumulates, from the graph that TensorFlow makes of the network at this size."""
    import tensorflow as tf

    if len(runtime.inputs) != 1 or runtime.inputs[0].size is None:
        return None
    own_height, own_width = runtime.inputs[0].size
    size = (own_height or height, own_width or width)
    if None in size:
        return None
    function = tf.function(lambda x: runtime.model(x, training=False))
    graph = function.get_concrete_function(tf.TensorSpec((1, *size, 3), tf.float32)).graph
    return sum(_of_operation(op) for op in graph.get_operations())


def _of_operation(op: Any) -> int:
    if op.type in ("Conv2D", "DepthwiseConv2dNative"):
        kernel = op.inputs[1].shape.as_list()
        per = kernel[:3] if op.type == "Conv2D" else kernel[:2]
        return int(np.prod(op.outputs[0].shape.as_list()) * np.prod(per))
    if op.type == "Conv2DBackpropInput":  # a transposed convolution: its input is the last operand
        return int(np.prod(op.inputs[2].shape.as_list()) * np.prod(op.inputs[1].shape.as_list()[:3]))
    if op.type == "MatMul":
        return int(np.prod(op.outputs[0].shape.as_list()) * op.inputs[0].shape.as_list()[-1])
    return 0
