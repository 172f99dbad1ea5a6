"""Contents of a TFLite file, read from its flatbuffer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.formats.tensors import summary, weight
from export_pipeline.formats.tflite.runtime import LiteRTRuntime
from export_pipeline.records.contents import Contents, Weight

# Bits and NumPy type of what weights are stored in; INT4 holds two values a byte, the lower half first.
_STORED = {
    "FLOAT32": (32, np.float32),
    "FLOAT16": (16, np.float16),
    "INT16": (16, np.int16),
    "INT8": (8, np.int8),
    "UINT8": (8, np.uint8),
    "INT4": (4, np.int8),
    "INT32": (32, np.int32),
}
_INTEGERS = ("INT32", "INT16")  # weights only when they carry a scale; else shapes and axes
# Values of a kernel that meet in one output, from the kernel's shape.
_KERNELS = {
    "CONV_2D": lambda shape: int(np.prod(shape[1:])),
    "DEPTHWISE_CONV_2D": lambda shape: int(np.prod(shape[1:3])),
    "FULLY_CONNECTED": lambda shape: int(shape[-1]),
}


def read(path: Path) -> Contents:
    """Read the flatbuffer, which LiteRT has verified before."""
    LiteRTRuntime(path, threads=1, run=False)
    model, names, types = load(path)
    operations: Counter[str] = Counter()
    precisions: Counter[str] = Counter()
    rows: list[Weight] = []
    work = 0
    for graph in model.subgraphs:
        kinds = [kind_of(model.operatorCodes[op.opcodeIndex], names) for op in graph.operators]
        operations.update(kinds)
        # What writes a variable has no output; of such there is no precision to tell.
        first = (op.outputs[0] for op in graph.operators if op.outputs is not None and len(op.outputs))
        precisions.update(types[graph.tensors[index].type].lower() for index in first)
        rows += _weights(model, graph, kinds, types)
        work += sum(_work(graph, op, kind) for op, kind in zip(graph.operators, kinds, strict=True))
    return summary(rows, operations, precisions, work)


def load(path: Path) -> tuple[Any, dict[int, str], dict[int, str]]:
    """The schema's object of a file that LiteRT opens, and names of operations and of types by number."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    types = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    return model, names, types


def kind_of(code: Any, names: dict[int, str]) -> str:
    """What an operation is called, by its *code*."""
    number = max(code.builtinCode, code.deprecatedBuiltinCode)  # the second is the first of old files
    return code.customCode.decode() if code.customCode else names[number]


def _unpacked(graph: Any, kinds: list[str]) -> dict[int, int]:
    """What is unpacked from which tensor, by DEQUANTIZE and the like."""
    pairs = zip(graph.operators, kinds, strict=True)
    return {op.outputs[0]: op.inputs[0] for op, kind in pairs if kind in ("DEQUANTIZE", "DENSIFY")}


def _kernels(graph: Any, kinds: list[str]) -> set[int]:
    """Tensors that are kernels of convolutions, or are unpacked to one."""
    unpacked = _unpacked(graph, kinds)
    convolutions = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
    pairs = zip(graph.operators, kinds, strict=True)
    return {_stored(unpacked, op.inputs[1]) for op, kind in pairs if kind in convolutions}


def _stored(unpacked: dict[int, int], index: int) -> int:
    while index in unpacked:
        index = unpacked[index]
    return index


def _inputs(operator: Any) -> list[int]:
    """The tensors that *operator* takes: none of what reads a variable, and not those that are left out."""
    return [index for index in operator.inputs if index >= 0] if operator.inputs is not None else []


def _in_order(graph: Any, kinds: list[str]) -> list[int]:
    """Every tensor that an operation takes, in the order in which they compute; unpacking is no computing."""
    unpacked = _unpacked(graph, kinds)
    pairs = zip(graph.operators, kinds, strict=True)
    taken = (index for op, kind in pairs if kind not in ("DEQUANTIZE", "DENSIFY") for index in _inputs(op))
    rest = (index for op in graph.operators for index in _inputs(op))
    return list(dict.fromkeys([*(_stored(unpacked, index) for index in taken), *rest]))


def _weights(model: Any, graph: Any, kinds: list[str], types: dict[int, str]) -> Iterator[Weight]:
    kernels = _kernels(graph, kinds)
    for index in _in_order(graph, kinds):
        tensor = graph.tensors[index]
        data, kind = model.buffers[tensor.buffer].data, types[tensor.type]
        scaled = tensor.quantization is not None and tensor.quantization.scale is not None
        if data is None or not len(data) or kind not in _STORED or (kind in _INTEGERS and not scaled):
            continue
        if tensor.shape is None or not len(tensor.shape):
            continue
        name = tensor.name.decode() if tensor.name else f"tensor {index}"  # names may be stripped
        yield weight(name, values_of(tensor, data, kind), kind.lower(), _STORED[kind][0], index in kernels)


def values_of(tensor: Any, data: Any, kind: str) -> np.ndarray:
    """The values that a constant stands for: dequantized, and dense."""
    raw = np.frombuffer(np.asarray(data, np.uint8).tobytes(), _STORED[kind][1])
    if kind == "INT4":
        low, high = (raw << 4).astype(np.int8) >> 4, raw >> 4
        raw = np.stack([low, high], axis=1).reshape(-1)
    count = int(np.prod(tensor.shape))
    # A sparse tensor stores fewer values than its shape holds; where they lie does not matter here.
    values = np.zeros(count, np.float32)
    values[: min(count, raw.size)] = raw[:count]
    values = values.reshape([int(n) for n in tensor.shape])
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return values
    shape = [1] * values.ndim
    shape[quantization.quantizedDimension] = -1 if len(quantization.scale) > 1 else 1
    scale = np.asarray(quantization.scale, np.float32).reshape(shape)
    points = quantization.zeroPoint
    offset = np.asarray(points, np.float32).reshape(shape) if points is not None and len(points) else np.float32(0)
    dequantized: np.ndarray = (values - offset) * scale
    return dequantized


def _work(graph: Any, op: Any, kind: str) -> int:
    """Multiply-accumulates of one operation."""
    if kind == "TRANSPOSE_CONV":  # every input value meets the kernel once for each output channel
        kernel = graph.tensors[op.inputs[1]].shape
        return _count(graph, op.inputs[2]) * int(np.prod(kernel[:3]))
    if kind == "BATCH_MATMUL":
        return _count(graph, op.outputs[0]) * int(graph.tensors[op.inputs[0]].shape[-1])
    if kind not in _KERNELS:
        return 0
    return _count(graph, op.outputs[0]) * _KERNELS[kind](graph.tensors[op.inputs[1]].shape)


def _count(graph: Any, index: int) -> int:
    return int(np.prod(graph.tensors[index].shape))
