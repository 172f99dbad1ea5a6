"""What is in a Core ML model, read from the file without running it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UnsupportedOperationError
from .calls import Weights, declared_dtype
from .features import features, metadata
from .graph import Options
from .guard import guarded
from .kinds.stored import stored_numbers
from .network_weights import count_of, decode, stored, weight_fields
from .program import Source, load_pymil, read
from .tensors import MEMORY_LIMIT
from .work import work

_PACKED_BITS = {2: 1, 4: 2, 16: 4, 64: 6, 256: 8}


@dataclass(frozen=True)
class WeightInfo:
    """One stored tensor. ``bits`` and ``nbytes`` are as in the file; ``values`` are what the model computes with."""

    name: str
    shape: tuple[int, ...]
    dtype_stored: str
    bits: int
    nbytes: int
    nonzero_fraction: float
    values: np.ndarray = field(repr=False, compare=False)


def weights(path: str | Path, memory_limit: int = MEMORY_LIMIT) -> dict[str, WeightInfo]:
    """Every stored tensor of more than one value, by name. Raises EmulatorError if the file cannot be read."""
    source = read(path)
    return {info.name: info for info in _weights(source, Options(memory_limit=memory_limit, label=source.label))}


def _weights(source: Source, options: Options) -> list[WeightInfo]:
    with guarded(source.label):
        if source.format == "pipeline":
            return [info for stage in source.stages for info in _weights(stage, options)]
        if not source.lowered:
            return [_info(*found) for found in stored_numbers(source)]
        return list(_program_weights(source, options) if source.format == "mlProgram" else _network_weights(source))


def describe(path: str | Path, memory_limit: int = MEMORY_LIMIT) -> dict[str, Any]:
    """Format, interface, operations, weights and work of a model, ready for JSON.

    ``multiply_accumulates`` is None where a part of them is not known: ``uncounted`` says why, or ``unsupported``.
    """
    source = read(path)
    options = Options(rounding=False, memory_limit=memory_limit, label=source.label)
    with guarded(source.label):
        inputs, outputs = features(source)
    tensors = _weights(source, options)
    operations, precisions = _operations(source, options)
    described = [asdict(t) | {"shape": list(t.shape)} for t in tensors]
    for item in described:
        del item["values"]
    return {
        "format": source.format,
        "spec_version": int(source.spec.specificationVersion),
        "inputs": [_feature(f) for f in inputs],
        "outputs": [_feature(f) for f in outputs],
        "metadata": metadata(source),
        "operations": dict(sorted(operations.items())),
        "precisions": dict(sorted(precisions.items())),
        "weights": described,
        "weight_bytes": sum(t.nbytes for t in tensors),
        "parameters": sum(int(np.prod(t.shape)) for t in tensors),
        **_work(source, options),
    }


def _work(source: Source, options: Options) -> dict[str, Any]:
    """Multiply-accumulates of one run, or why they are not known."""
    try:
        found = work(source, options)
    except UnsupportedOperationError as error:
        return {"multiply_accumulates": None, "uncounted": [], "unsupported": str(error)}
    total = None if found.uncounted else found.counted
    return {"multiply_accumulates": total, "uncounted": list(found.uncounted), "unsupported": None}


def _feature(feature: Any) -> dict[str, Any]:
    kept = {"name", "kind", "shape", "dtype", "color", "optional"}
    return {key: list(v) if key == "shape" else v for key, v in feature.model_dump(include=kept).items()}


def _operations(source: Source, options: Options) -> tuple[Counter[str], Counter[str]]:
    """Operations by type, and by the type of their first output; constants are no operations."""
    if source.format == "pipeline":
        counts = [_operations(stage, options) for stage in source.stages]
        return sum((kinds for kinds, _ in counts), Counter()), sum((types for _, types in counts), Counter())
    if source.format == "neuralNetwork":
        kinds = Counter(str(layer.WhichOneof("layer")) for layer in source.network.layers)
        return kinds, Counter({"float32": sum(kinds.values())})
    if not source.lowered:
        return Counter([source.kind]), Counter(["float64"])
    operations = [op for op in load_pymil(source, options).operations if not _is_constant(op)]
    types = Counter(str(declared_dtype(op.outputs[0])) for op in operations)
    return Counter(op.op_type for op in operations), types


def _is_constant(operation: Any) -> bool:
    return operation.op_type == "const" or str(operation.op_type).startswith("constexpr_")


def _program_weights(source: Source, options: Options) -> Iterator[WeightInfo]:
    constants = Weights(options)
    for operation in load_pymil(source, options).operations:
        var = operation.outputs[-1]  # sparse constants give their mask first
        used = [op for op in var.child_ops if not op.op_type.startswith("constexpr_")]
        if not _is_constant(operation) or not used:
            continue
        value = np.asarray(constants.value(var))
        if value.dtype.kind != "f" or value.size < 2:
            continue
        dtype, bits, nbytes = _stored(operation, value)
        yield _info(operation.name, value, dtype, bits, nbytes)


def _stored(operation: Any, value: np.ndarray) -> tuple[str, int, int]:
    """The stored type in words, bits per value and bytes with tables of a constant of an ML program."""
    kind = operation.op_type.removeprefix("constexpr_")
    if kind == "const":
        return str(value.dtype), value.dtype.itemsize * 8, value.nbytes
    parts = {name: var for name, var in operation.inputs.items() if var is not None}
    nbytes = sum(_part_bytes(var) for var in _leaves(operation).values())
    if kind.startswith("lut"):
        bits = int(np.log2(parts["lut"].shape[-2 if len(parts["lut"].shape) > 1 else -1]))
        return f"lut-{bits}bit", bits, nbytes
    data = next((parts[n] for n in ("quantized_data", "data", "nonzero_data", "source_val") if n in parts), None)
    suffix = {"affine_dequantize": "-affine", "blockwise_shift_scale": "-blockwise", "cast": ""}.get(kind, "-sparse")
    if data is not None and data.op is not None and data.op.op_type.startswith("constexpr_"):
        inner, bits, _ = _stored(data.op, value)  # two ways of compression, one inside the other
        return inner.removesuffix(suffix) + suffix, bits, nbytes
    inner, bits = _type_name(data, value)
    return inner + suffix, bits, nbytes


def _leaves(operation: Any) -> dict[str, Any]:
    """The stored arguments of a compressed constant and of those that it is made from, each once, by name."""
    found = {}
    for var in (var for var in operation.inputs.values() if var is not None):
        if var.op is not None and var.op.op_type.startswith("constexpr_"):
            found.update(_leaves(var.op))
        else:
            found[var.name] = var
    return found


def _type_name(var: Any, value: np.ndarray) -> tuple[str, int]:
    from coremltools.converters.mil.mil import types

    if var is None:
        return str(value.dtype), value.dtype.itemsize * 8
    name = types.builtin_to_string(var.dtype).replace("fp", "float")
    digits = "".join(ch for ch in name if ch.isdigit())
    return name, int(digits or 8)


def _part_bytes(var: Any) -> int:
    """Bytes of one stored argument of a compressed constant."""
    if var.val is None or isinstance(var.val, str):
        return 0
    _, bits = _type_name(var, np.asarray(var.val))
    return (int(np.size(var.val)) * bits + 7) // 8


def _network_weights(source: Source) -> Iterator[WeightInfo]:
    for layer in source.network.layers:
        kind = str(layer.WhichOneof("layer"))
        params = getattr(layer, kind)
        for name, weight in weight_fields(params):
            shape, axis = _network_shape(kind, params, name)
            how = stored(weight)
            count = count_of(weight)
            value = decode(weight, shape or (count,), f"layer {layer.name!r}", axis)
            if value.size > 1:
                yield _info(f"{layer.name}.{name}", value, how.dtype, how.bits, how.nbytes)


def _network_shape(kind: str, params: Any, name: str) -> tuple[tuple[int, ...] | None, int]:
    """The shape of a layer's weights and the axis of its scales; None where the count must tell."""
    if name == "weights" and kind == "convolution":
        kernel = tuple(int(k) for k in params.kernelSize) or (3, 3)
        if params.isDeconvolution:
            return (int(params.kernelChannels), int(params.outputChannels // (params.nGroups or 1)), *kernel), 1
        return (int(params.outputChannels), int(params.kernelChannels), *kernel), 0
    if name == "weights" and kind == "innerProduct":
        return (int(params.outputChannels), int(params.inputChannels)), 0
    if name == "weights" and kind == "batchedMatmul":  # column by column
        return (int(params.weightMatrixSecondDimension), int(params.weightMatrixFirstDimension)), 0
    fields = {"bias": "outputChannels", "gamma": "channels", "beta": "channels", "mean": "channels"}
    size = getattr(params, fields.get(name, "channels"), 0)
    return ((int(size),), 0) if isinstance(size, int) and size else (None, 0)


def _info(name: str, value: np.ndarray, dtype: str, bits: int, nbytes: int) -> WeightInfo:
    values = np.asarray(value, np.float32)
    share = float(np.count_nonzero(values) / values.size)
    return WeightInfo(name, tuple(values.shape), dtype, bits, int(nbytes), share, values)
