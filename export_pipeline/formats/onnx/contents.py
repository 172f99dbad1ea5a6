"""Contents of an ONNX file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.errors import ModelError
from export_pipeline.formats.runtime import reading
from export_pipeline.formats.tensors import summary, weight
from export_pipeline.records.contents import Contents
from export_pipeline.records.signature import Signature

_WEIGHT_TYPES = ("float32", "float16", "float64", "bfloat16", "int8", "uint8")
_CONVOLUTIONS = ("Conv", "ConvInteger", "ConvTranspose", "QLinearConv")


def read(path: Path) -> Contents:
    """Read the graph, with shapes inferred; those of a flexible file are of its first size."""
    import onnx

    with reading(path, "an ONNX model"):
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
        flexible = _close(model)
        graph = onnx.shape_inference.infer_shapes(model, data_prop=flexible).graph
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            arrays[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
    nodes = [node for node in graph.node if node.op_type != "Constant"]
    unpacked = {
        node.output[0]: node for node in nodes if node.op_type == "DequantizeLinear" and node.input[0] in arrays
    }
    kernels = {_source(node.input[_kernel_input(node)], unpacked) for node in nodes if node.op_type in _CONVOLUTIONS}
    scales = {name for node in unpacked.values() for name in node.input[1:]}
    packed = {node.input[0]: node for node in unpacked.values()}
    weights = [
        weight(
            name, _values(array, packed.get(name), arrays), array.dtype.name, array.dtype.itemsize * 8, name in kernels
        )
        for name, array in arrays.items()
        if array.dtype.name in _WEIGHT_TYPES and array.ndim and array.size and name not in scales
    ]
    types, shapes = _known(graph)
    shapes.update({name: array.shape for name, array in arrays.items()})
    precisions = Counter(types.get(node.output[0], "unknown") for node in nodes)
    return summary(weights, Counter(node.op_type for node in nodes), precisions, _work(nodes, shapes))


def _close(model: Any) -> bool:
    """Give the inputs of a flexible file the first of its sizes; whether it is one."""
    try:
        written = Signature.from_metadata({entry.key: entry.value for entry in model.metadata_props})
    except ModelError:
        written = None  # who asks for the signature is told
    shapes = {port.name: port.closed_shape for port in (written.inputs if written else ()) if port.sizes}
    for value in model.graph.input:
        for dimension, length in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, ()), strict=False):
            dimension.dim_value = length
    if shapes:  # inferred anew
        del model.graph.value_info[:]
        for value in model.graph.output:
            value.type.tensor_type.ClearField("shape")
    return bool(shapes)


def _kernel_input(node: Any) -> int:
    return 3 if node.op_type == "QLinearConv" else 1


def _source(name: str, unpacked: dict[str, Any]) -> str:
    """The stored tensor behind *name*."""
    return str(unpacked[name].input[0]) if name in unpacked else name


def _values(array: np.ndarray, unpacking: Any, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """What a stored tensor stands for. Scales are never zero, so that only the zero point matters to sparsity."""
    if unpacking is None or len(unpacking.input) < 3 or unpacking.input[2] not in arrays:
        return array
    point = arrays[unpacking.input[2]].astype(np.int32)
    axis = next((a.i for a in unpacking.attribute if a.name == "axis"), 1)
    if point.size > 1:
        point = point.reshape([-1 if i == axis % array.ndim else 1 for i in range(array.ndim)])
    shifted: np.ndarray = array.astype(np.int32) - point
    return shifted


def _known(graph: Any) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    """Element types and full shapes of the tensors of *graph*, as far as they are known."""
    import onnx

    types, shapes = {}, {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        types[value.name] = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
        if tensor.HasField("shape") and all(d.HasField("dim_value") for d in tensor.shape.dim):
            shapes[value.name] = tuple(d.dim_value for d in tensor.shape.dim)
    return types, shapes


def _work(nodes: list[Any], shapes: dict[str, tuple[int, ...]]) -> int | None:
    """Multiply-accumulates of all convolutions and matrix products; ``None`` where a shape is open."""
    total = 0
    for node in nodes:
        if node.op_type not in (*_CONVOLUTIONS, "Gemm", "MatMul"):
            continue
        names = (node.input[0], node.input[_kernel_input(node)], node.output[0])
        if any(name not in shapes for name in names):
            return None
        first, second, out = (shapes[name] for name in names)
        # Each output of a convolution meets one filter; each input of a transposed one does.
        elements = first if node.op_type == "ConvTranspose" else out
        per = first[-1:] if node.op_type in ("Gemm", "MatMul") else second[1:]
        total += int(np.prod(elements)) * int(np.prod(per))
    return total
