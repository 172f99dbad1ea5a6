"""Core ML files as they lie: metadata and the package written so that equal models give equal bytes, and read back."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.emulator.network_weights import decode
from export_pipeline.formats.format import Kernel
from export_pipeline.records.signature import Signature

AUTHOR = "export-pipeline"
_DATA = "com.apple.CoreML"
_MODEL, _WEIGHTS = f"{_DATA}/model.mlmodel", f"{_DATA}/weights"
# Operations of programs with kernels, and the inputs that hold them.
KERNELS = {"conv": ("weight",), "conv_transpose": ("weight",), "linear": ("weight",), "matmul": ("y",)}
# Layers of neural networks that have one.
LAYERS = ("convolution", "innerProduct", "batchedMatmul")
_FLOATS = {np.dtype(np.float16): "fp16", np.dtype(np.float32): "fp32"}


def describe(spec: Any, signature: Signature, title: str, version: str, about: Mapping[str, str]) -> None:
    """Replace the metadata: the converter's hold the date of today. What *about* has is taken from there."""
    metadata = spec.description.metadata
    metadata.Clear()
    metadata.author = about.get("author", AUTHOR)
    metadata.shortDescription = about.get("description") or _short_description(title, signature)
    metadata.versionString = about.get("version", version)
    metadata.license = about.get("license", "")
    for key, value in signature.metadata().items():
        metadata.userDefined[key] = value


def _short_description(title: str, signature: Signature) -> str:
    ports = (*signature.inputs, *signature.outputs)
    if len(ports) == 2 and all(port.kind == "image" for port in ports):
        sizes = " or ".join(f"{width}x{height}" for height, width in signature.sizes or (signature.size,))
        return f"{title}, {sizes} {ports[0].color} image"
    takes, gives = (", ".join(port.name for port in side) for side in (signature.inputs, signature.outputs))
    return f"{title}, {takes} to {gives}"


def write_package(path: Path, model: bytes, weights: bytes) -> None:
    """Write the package *path* from its specification and its weight file."""
    data = path / "Data"
    (data / _WEIGHTS).mkdir(parents=True)
    (data / _MODEL).write_bytes(model)
    (data / _WEIGHTS / "weight.bin").write_bytes(weights)
    (path / "Manifest.json").write_bytes(_manifest())


def _manifest() -> bytes:
    """A package's table of contents. Its identifiers must be unique within the package only, so they are fixed."""
    items = {
        str(uuid.uuid5(uuid.NAMESPACE_URL, item)).upper(): {
            "author": _DATA,
            "description": description,
            "name": item.rsplit("/", 1)[-1],
            "path": item,
        }
        for item, description in ((_MODEL, "CoreML Model Specification"), (_WEIGHTS, "CoreML Model Weights"))
    }
    root = next(key for key, item in items.items() if item["path"] == _MODEL)
    manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": items, "rootModelIdentifier": root}
    return json.dumps(manifest, separators=(",", ":")).encode()


def kernels(path: Path) -> tuple[Kernel, ...]:
    """Every kernel in the ``.mlpackage`` or ``.mlmodel`` at *path*.

    A package is read by coremltools' own loader.
    """
    from coremltools.proto import Model_pb2

    model = path / "Data" / _MODEL if path.is_dir() else path
    spec = Model_pb2.Model.FromString(model.read_bytes())
    is_program = spec.WhichOneof("Type") == "mlProgram"
    return tuple(_program_kernels(spec, path) if is_program else _network_kernels(spec))


def _program_kernels(spec: Any, path: Path) -> Iterator[Kernel]:
    from coremltools.converters.mil.frontend.milproto import load

    program = load.load(spec, spec.specificationVersion, str(path / "Data" / _WEIGHTS))
    seen = set()
    for weight, values in program_kernels(program.functions["main"]):
        if weight in seen:  # of a layer that is called more than once
            continue
        seen.add(weight)
        storage, bits = _stored(weight.op, values)
        yield Kernel(int(values.size), storage, bits, values)


def program_kernels(block: Any) -> Iterator[tuple[Any, np.ndarray]]:
    """Variable and values of each kernel of *block*, a block of coremltools, operation by operation.

    The values are ``(out, in, height, width)`` of a convolution, ``(in, out)`` of a product.
    """
    for operation in block.operations:
        for name in KERNELS.get(operation.op_type, ()):
            weight = operation.inputs[name]
            values = None if weight.op is None else weight.val
            if values is None and weight.op is not None and weight.op.op_type.startswith("constexpr_"):
                values = weight.op.materialized_val_inference()
            if values is not None and values.ndim > 1:
                yield weight, values.T if _is_turned(operation, name) else values


def _is_turned(operation: Any, name: str) -> bool:
    """Whether an operand of a product is ``(out, in)``."""
    if operation.op_type == "linear":
        return True
    return operation.op_type == "matmul" and bool(operation.inputs[f"transpose_{name}"].val)


def _stored(source: Any, values: np.ndarray) -> tuple[str, int]:
    """Storage and bits of the constant operation *source*, whose value is *values*."""
    kind = source.op_type
    if kind == "constexpr_affine_dequantize":
        return "int8", 8
    if kind == "constexpr_sparse_to_dense":
        inner = source.inputs["nonzero_data"].op
        if inner.op_type == "constexpr_lut_to_sparse":
            return "joint", _table_bits(inner)
        return "sparse", values.dtype.itemsize * 8
    if kind == "constexpr_lut_to_dense":
        return "palettized", _table_bits(source)
    return (_FLOATS.get(values.dtype, values.dtype.name) if kind == "const" else kind), values.dtype.itemsize * 8


def _table_bits(source: Any) -> int:
    # (entries,), or the axes of the kernel, then the entries, then the axis of a vector.
    table = source.inputs["lut"].val
    return int(math.log2(table.size if table.ndim == 1 else table.shape[-2]))


def _network_kernels(spec: Any) -> Iterator[Kernel]:
    seen = set()
    for found in network_kernels(spec):
        weights = found.weights
        data = weights.SerializeToString(deterministic=True)
        if data in seen:  # of a layer that is called more than once
            continue
        seen.add(data)
        values = decode(weights, found.shape, "a layer", found.axis)
        values = values.T if found.turned else values
        halved = np.ascontiguousarray(values.astype(np.float16))
        exact = halved if np.array_equal(halved, values) else None
        tabled = weights.quantization.WhichOneof("QuantizationType") == "lookupTableQuantization"
        if weights.rawValue:
            bits = int(weights.quantization.numberOfBits)
            yield Kernel(values.size, "palettized" if tabled else f"int{bits}", bits, exact)
        else:
            bits = 16 if weights.float16Value else 32
            yield Kernel(values.size, f"fp{bits}", bits, exact)


@dataclass(frozen=True)
class NetworkKernel:
    """A kernel of a neural network: its ``WeightParams``, their shape, and the axis of the output channels.

    ``turned``: it is ``(out, in)``, of a product. ``constant``: several layers share it, as the steps of a recurrent
    one do.
    """

    weights: Any
    shape: tuple[int, ...]
    axis: int = 0
    turned: bool = False
    constant: bool = False


def network_kernels(spec: Any) -> Iterator[NetworkKernel]:
    """The kernel of each layer of a neural network that has one, and the constants that products multiply by."""
    layers = spec.neuralNetwork.layers
    products = [layer for layer in layers if layer.WhichOneof("layer") == "batchedMatmul"]
    factors = {layer.input[1] for layer in products if len(layer.input) > 1}
    for layer in layers:
        kind = layer.WhichOneof("layer")
        params = getattr(layer, kind)
        if kind == "convolution":
            sides = tuple(map(int, params.kernelSize)) or (3, 3)
            outputs, inputs = int(params.outputChannels), int(params.kernelChannels)
            if params.isDeconvolution:
                yield NetworkKernel(params.weights, (inputs, outputs // (params.nGroups or 1), *sides), axis=1)
            else:
                yield NetworkKernel(params.weights, (outputs, inputs, *sides))
        elif kind == "innerProduct":
            yield NetworkKernel(params.weights, (int(params.outputChannels), int(params.inputChannels)), turned=True)
        elif kind == "batchedMatmul" and params.HasField("weights"):
            shape = (int(params.weightMatrixSecondDimension), int(params.weightMatrixFirstDimension))
            yield NetworkKernel(params.weights, shape, turned=True)
        elif kind == "loadConstantND" and layer.output[0] in factors and len(params.shape) > 1:
            yield NetworkKernel(params.data, tuple(map(int, params.shape)), constant=True)
