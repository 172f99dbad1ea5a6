"""Contents of a ``.keras`` file. Its operations are layers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.formats.convertible import convertible
from export_pipeline.formats.keras.runtime import KerasRuntime
from export_pipeline.formats.tensors import summary, weight
from export_pipeline.records.contents import Contents, LayerWork
from export_pipeline.records.signature import Port, Shape

_CONVOLUTIONS = tuple(
    f"{kind}{rank}D{end}"
    for rank in (1, 2)
    for kind, end in (("Conv", ""), ("Conv", "Transpose"), ("DepthwiseConv", ""), ("SeparableConv", ""))
)


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
            type(layer).__name__ in _CONVOLUTIONS and values.ndim > 2,
        )
        for layer in layers
        for variable, values in zip(layer.weights, layer.get_weights(), strict=True)
    ]
    work = _work(runtime, height, width)
    found = summary(
        weights,
        Counter(type(layer).__name__ for layer in layers),
        Counter(str(layer.compute_dtype) for layer in layers),
        None if work is None else sum(row.multiply_accumulates for row in work),
    )
    return found.model_copy(update={"work": work or ()})


def _work(runtime: KerasRuntime, height: int | None, width: int | None) -> tuple[LayerWork, ...] | None:
    """Multiply-accumulates by layer, from the graph that TensorFlow makes of the network at this size."""
    import tensorflow as tf

    shapes = [(1, *_at_size(port, height, width)[1:]) for port in runtime.inputs]
    if any(None in shape for shape in shapes):
        return None
    model = _unrolled(runtime.model)
    function = tf.function(lambda *tensors: model(tensors[0] if len(tensors) == 1 else list(tensors), training=False))
    specs = [tf.TensorSpec(shape, port.dtype) for shape, port in zip(shapes, runtime.inputs, strict=True)]
    graph = function.get_concrete_function(*specs).graph
    rows = ((op.name, *_of_operation(op)) for op in graph.get_operations())
    return tuple(
        LayerWork(name=_layer(name), kind=kind, multiply_accumulates=count) for name, kind, count in rows if count
    )


def _at_size(port: Port, height: int | None, width: int | None) -> Shape:
    """The shape of an input, with *height* and *width* where a picture leaves them open."""
    if port.size is None:
        return port.shape
    rows, columns = port.size
    return port.shape_for(rows or height, columns or width)


def _unrolled(model: Any) -> Any:
    """*model*, or where loops and functions in its graph would hide what it does, a copy without."""
    import tf_keras as keras

    hidden = [layer for layer in model.submodules if isinstance(layer, keras.layers.RNN) or _is_grouped(layer)]
    if not hidden:
        return model
    return keras.models.clone_model(model, clone_function=convertible)


def _is_grouped(layer: Any) -> bool:
    return hasattr(layer, "convolution_op") and layer.groups > 1


def _layer(operation: str) -> str:
    """The layer that an operation is of: ``unet/out_conv/Conv2D`` is one of ``out_conv``."""
    return "/".join(operation.split("/")[1:-1]) or operation


def _of_operation(op: Any) -> tuple[str, int]:
    """Kind and multiply-accumulates of an operation of a graph."""
    if op.type in ("Conv2D", "DepthwiseConv2dNative"):
        height, width, *channels = op.inputs[1].shape.as_list()
        depthwise, pointwise = op.type != "Conv2D", (height, width) == (1, 1)
        per = height * width * (1 if depthwise else channels[0])
        kind = "depthwise" if depthwise else "pointwise" if pointwise else "full"
        return f"{height}x{width} {kind}", int(np.prod(op.outputs[0].shape.as_list()) * per)
    if op.type == "Conv2DBackpropInput":  # a transposed convolution: its input is the last operand
        height, width, *channels = op.inputs[1].shape.as_list()
        count = np.prod(op.inputs[2].shape.as_list()) * height * width * channels[0]
        return f"{height}x{width} transposed", int(count)
    if op.type in ("MatMul", "BatchMatMulV2") and op.inputs[0].op.type not in ("Const", "Fill"):
        # Of the first state of a recurrent layer, which is zero, every converter works out the product.
        return "product", int(np.prod(op.outputs[0].shape.as_list()) * op.inputs[0].shape.as_list()[-1])
    return "", 0
