"""Files of several sizes: their tensors have the shapes of the first size, and their operations know none."""

from __future__ import annotations

from typing import Any

import numpy as np

from export_pipeline.errors import ExportError
from export_pipeline.formats import static
from export_pipeline.formats.convertible import convertible
from export_pipeline.records.signature import Signature


def without_sizes(model: Any, signature: Signature) -> Any:
    """*model*, open for the sizes of *signature*, with upsamplings that take no size; of one size it stays as it is.

    The operation that resizes takes the size of its result, which the file would have to compute of shapes: GPUs do
    not take that. Copies of the channels, whose squares become pixels, are the same values (small network at 480x640:
    1,138 ms in floats, 1,113 at a fixed size).

    Raises:
        ExportError: a layer enlarges otherwise than by repeating points, as often in both directions.
    """
    import tensorflow as tf
    import tf_keras as keras

    def repeated(layer: Any) -> Any:
        if not isinstance(layer, keras.layers.UpSampling2D):
            return convertible(layer)
        _check(layer)
        (factor, _) = layer.size
        return keras.layers.Lambda(
            lambda x: tf.nn.depth_to_space(tf.concat([x] * factor**2, -1), factor), name=layer.name
        )

    return static.copied(model, signature, repeated) if signature.sizes else model


def _check(layer: Any) -> None:
    if layer.interpolation != "nearest" or layer.size[0] != layer.size[1]:
        rows, columns = layer.size
        raise ExportError(
            f"a flexible TFLite file cannot enlarge by {rows}x{columns} with {layer.interpolation}, in {layer.name}: "
            "nearest with equal factors is allowed. Leave export.flexible out: each size then has a file."
        )


def put_first_shapes(data: bytes, content: Any, signature: Signature) -> None:
    """Give the tensors of *content*, read from *data*, the shapes that they have at the first size of *signature*.

    The converter writes 1 for what is open. A runtime opens the file at the shapes that are there; that a side may be
    another is said beside them.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # one that fuses operations leaves shapes between unknown
    interpreter = Interpreter(model_content=data, num_threads=1, experimental_op_resolver_type=plain)
    (graph,) = content.subgraphs
    for index, port in zip(graph.inputs, signature.inputs, strict=True):
        interpreter.resize_tensor_input(int(index), port.closed_shape, strict=True)
    interpreter.allocate_tensors()
    shapes = {detail["index"]: detail["shape"] for detail in interpreter.get_tensor_details()}
    for index, tensor in enumerate(graph.tensors):
        if tensor.shapeSignature is not None:
            tensor.shape = np.asarray(shapes[index], np.int32)
