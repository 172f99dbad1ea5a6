"""Reading and changing TFLite files as the objects of their schema."""

from __future__ import annotations

from typing import Any

import numpy as np

from export_pipeline.errors import ExportError
from export_pipeline.formats.format import Kernel
from export_pipeline.records.signature import Port, Signature

# Operations with a kernel as their second input, and the axis of its output channels.
KERNELS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "TRANSPOSE_CONV": 0, "FULLY_CONNECTED": 0}
_IDENTIFIER = b"TFL3"


def schema() -> Any:
    """The classes of the format."""
    from tensorflow.lite.python import schema_py_generated

    return schema_py_generated


def read(data: bytes | bytearray) -> Any:
    """The model object of a TFLite file.

    Raises:
        ExportError: *data* is not a TFLite file.
    """
    if bytes(data[4:8]) != _IDENTIFIER:
        raise ExportError("the data are not a TFLite file: its identifier is missing.")
    from tensorflow.lite.tools import flatbuffer_utils

    return flatbuffer_utils.convert_bytearray_to_object(bytearray(data))


def write(model: Any) -> bytes:
    """The bytes of *model*."""
    from tensorflow.lite.tools import flatbuffer_utils

    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def name(model: Any, operator: Any) -> str:
    """What *operator* is called in the schema."""
    code = model.operatorCodes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    names = {value: key for key, value in vars(schema().BuiltinOperator).items() if isinstance(value, int)}
    return str(names[number])


def operations(model: Any) -> list[str]:
    """Names of the operations of the first graph, in order."""
    return [name(model, operator) for operator in model.subgraphs[0].operators]


def float_operations(model: Any) -> list[str]:
    """Names of the operations of the first graph that compute in float32, in order."""
    graph, kinds = model.subgraphs[0], schema().TensorType
    pairs = [(name(model, operator), graph.tensors[operator.outputs[0]].type) for operator in graph.operators]
    return [called for called, kind in pairs if kind == kinds.FLOAT32 and called != "DEQUANTIZE"]


def _kernel_tensors(model: Any) -> list[tuple[Any, Any, int]]:
    """(graph, tensor, axis of the output channels) of every kernel; what the graph computes itself is none."""
    found = {}
    for graph in model.subgraphs:
        sources = {output: operator for operator in graph.operators for output in operator.outputs}
        for operator in graph.operators:
            axis = KERNELS.get(name(model, operator))
            if axis is None:
                continue
            index = operator.inputs[1]
            while index in sources and name(model, sources[index]) == "DEQUANTIZE":  # of an fp16 kernel
                index = sources[index].inputs[0]
            tensor = graph.tensors[index]
            if index not in sources and model.buffers[tensor.buffer].data is not None:
                found[tensor.buffer] = (graph, tensor, axis)
    return list(found.values())


def kernels(model: Any) -> tuple[Kernel, ...]:
    """Every kernel; of several of equal values one."""
    types = schema().TensorType
    storage = {types.INT8: "int8", types.FLOAT16: "fp16", types.FLOAT32: "fp32"}
    width = {types.INT8: 1, types.FLOAT16: 2, types.FLOAT32: 4}
    found = {}
    for _, tensor, _axis in _kernel_tensors(model):
        data = bytes(model.buffers[tensor.buffer].data)
        bits = 8 * width.get(tensor.type, 1)
        kernel = Kernel(8 * len(data) // bits, storage.get(tensor.type, f"type {tensor.type}"), bits)
        found[(tuple(tensor.shape), data, _scales(tensor))] = kernel
    return tuple(found.values())


def _scales(tensor: Any) -> bytes:
    scale = None if tensor.quantization is None else tensor.quantization.scale
    return b"" if scale is None else np.asarray(scale, np.float32).tobytes()


def quantize_kernels(model: Any) -> None:
    """Store every float kernel in 8 bits, symmetric, with a scale for each output channel.

    The runtime quantizes the activations while running (dynamic range). The format is that of TFLite's
    own pass: Jacob et al., "Quantization and Training of Neural Networks", 2018, with the range
    -127..127 of the TFLite 8-bit quantization specification.
    """
    kinds = schema()
    done = set()
    for _, tensor, axis in _kernel_tensors(model):
        if tensor.type != kinds.TensorType.FLOAT32 or tensor.buffer in done:
            continue
        buffer = model.buffers[tensor.buffer]
        values = np.frombuffer(bytes(buffer.data), np.float32).reshape(tensor.shape)
        others = tuple(dimension for dimension in range(values.ndim) if dimension != axis)
        scale = np.abs(values).max(axis=others, keepdims=True) / 127
        scale[scale == 0] = 1  # a pruned channel
        quantized = np.clip(np.round(values / scale), -127, 127).astype(np.int8)
        done.add(tensor.buffer)
        buffer.data = np.frombuffer(quantized.tobytes(), np.uint8)
        tensor.type = kinds.TensorType.INT8
        tensor.quantization = kinds.QuantizationParametersT()
        tensor.quantization.scale = scale.ravel().astype(np.float32)
        tensor.quantization.zeroPoint = np.zeros(scale.size, np.int64)
        tensor.quantization.quantizedDimension = axis


def widen_pictures(model: Any, signature: Signature) -> None:
    """Let every uint8 output that is a picture mean 0..255 exactly, whatever range the samples reached.

    Otherwise a value of 255 would mean, say, 249 and brighter pixels would be clipped. The outputs are in the order of
    *signature*.
    """
    (graph,) = model.subgraphs
    for index, port in zip(graph.outputs, signature.outputs, strict=True):
        if port.color is not None:
            _widen(model, graph, index)


def _widen(model: Any, graph: Any, index: int) -> None:
    types = schema().TensorType
    for kind, zero in ((types.UINT8, 0), (types.INT8, -128)):
        tensor = graph.tensors[index]
        (source,) = [operator for operator in graph.operators if index in operator.outputs]
        if tensor.type != kind or name(model, source) not in ("QUANTIZE", "ADD"):
            return  # these two take any output range; what the file says is checked when it is read back
        tensor.quantization.scale = np.array([1.0], np.float32)
        tensor.quantization.zeroPoint = np.array([zero], np.int64)
        index = source.inputs[0]


def put_in_order(model: Any, signature: Signature) -> None:
    """List inputs and outputs in the order of *signature*; the converter's follows names.

    Raises:
        ExportError: the file has no signature that names them all.
    """
    (graph,), definitions = model.subgraphs, model.signatureDefs or []
    sides = [(definition.inputs, definition.outputs) for definition in definitions]
    if len(sides) != 1:
        raise ExportError(f"the converter wrote {len(sides)} signatures; one is needed.")
    graph.inputs = _indices(sides[0][0], signature.inputs)
    graph.outputs = _indices(sides[0][1], signature.outputs)


def _indices(entries: Any, ports: tuple[Port, ...]) -> np.ndarray:
    found = {_text(entry.name): entry.tensorIndex for entry in entries}
    if set(found) != {port.name for port in ports}:
        raise ExportError(f"the converter's signature names {', '.join(found)}; the network has other ports.")
    return np.array([found[port.name] for port in ports], np.int32)


def strip(model: Any, signature: Signature) -> None:
    """Drop names and notes that no runtime needs; give the tensors of the ports the signature's names."""
    model.description = None
    model.metadata = []
    for graph in model.subgraphs:
        graph.name = None
        for tensor in graph.tensors:
            tensor.name = None
    (graph,) = model.subgraphs
    for indices, ports in ((graph.inputs, signature.inputs), (graph.outputs, signature.outputs)):
        for index, port in zip(indices, ports, strict=True):
            graph.tensors[index].name = port.name


def quantized_as_stored(model: Any, signature: Signature) -> Signature:
    """*signature* with the quantization that the file has for its 8-bit tensors, and the range which that means."""
    (graph,) = model.subgraphs
    sides = ((graph.inputs, signature.inputs), (graph.outputs, signature.outputs))
    inputs, outputs = (
        tuple(_as_stored(graph.tensors[index], port) for index, port in zip(indices, ports, strict=True))
        for indices, ports in sides
    )
    return Signature(inputs=inputs, outputs=outputs)


def _as_stored(tensor: Any, port: Port) -> Port:
    if port.color is not None or port.dtype not in ("uint8", "int8"):
        return port
    scale, zero = float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])
    limits = np.iinfo(port.dtype)
    low, high = ((int(limit) - zero) * scale for limit in (limits.min, limits.max))
    return port.model_copy(update={"scale": scale, "zero_point": zero, "low": low, "high": high})


def add_metadata(model: Any, entries: dict[str, str]) -> None:
    """Write *entries* into the file's metadata, each as a buffer of UTF-8 text."""
    kinds = schema()
    model.metadata = list(model.metadata or [])
    for key, text in sorted(entries.items()):
        entry, buffer = kinds.MetadataT(), kinds.BufferT()
        buffer.data = np.frombuffer(text.encode(), np.uint8)
        entry.name, entry.buffer = key, len(model.buffers)
        model.buffers.append(buffer)
        model.metadata.append(entry)


def metadata(model: Any) -> dict[str, str]:
    """The metadata of *model* as text."""
    entries = model.metadata or []
    return {_text(entry.name): _text(bytes(model.buffers[entry.buffer].data)) for entry in entries}


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
