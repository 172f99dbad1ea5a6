"""Decodes the weights of the neural-network format: float32, float16, or 1 to 8 bits packed into bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import EmulatorError


@dataclass(frozen=True)
class Stored:
    """How a tensor lies in the file: the type in words, bits per value, and bytes with its tables."""

    dtype: str
    bits: int
    nbytes: int


def stored(params: Any) -> Stored:
    """What a ``WeightParams`` protobuf holds."""
    if len(params.floatValue):
        return Stored("float32", 32, 4 * len(params.floatValue))
    if params.float16Value:
        return Stored("float16", 16, len(params.float16Value))
    bits, kind = int(params.quantization.numberOfBits), params.quantization.WhichOneof("QuantizationType")
    raw = len(params.rawValue) or len(params.int8RawValue)
    if kind == "lookupTableQuantization":
        return Stored(f"lut-{bits}bit", bits, raw + 4 * len(params.quantization.lookupTableQuantization.floatValue))
    linear = params.quantization.linearQuantization
    if params.int8RawValue:
        return Stored("int8-affine", 8, raw + 4 * len(linear.scale))
    return Stored(f"uint{bits}-affine", bits, raw + 4 * (len(linear.scale) + len(linear.bias)))


def count_of(params: Any) -> int:
    """How many values a ``WeightParams`` protobuf holds, packed ones up to the end of the last byte."""
    if len(params.floatValue):
        return len(params.floatValue)
    packed = len(params.rawValue) * 8 // max(int(params.quantization.numberOfBits), 1)
    return len(params.float16Value) // 2 or len(params.int8RawValue) or packed


def decode(params: Any, shape: tuple[int, ...], what: str, channel_axis: int = 0) -> np.ndarray:
    """The values of a ``WeightParams`` protobuf as float32 of *shape*.

    Scales, where there is one for each output channel, run along *channel_axis*. Raises EmulatorError if the stored
    data do not fit the shape.
    """
    count = math.prod(shape)
    if len(params.floatValue):
        values = np.array(params.floatValue, np.float32)
    elif params.float16Value:
        values = np.frombuffer(params.float16Value[: len(params.float16Value) // 2 * 2], "<f2").astype(np.float32)
    elif params.rawValue:
        values = _dequantize(params, count, shape, what, channel_axis)
    elif params.int8RawValue:
        signed = np.frombuffer(params.int8RawValue, np.int8).astype(np.float32)
        values = signed * _along(params.quantization.linearQuantization.scale, (1,), 0, what)
    else:
        raise EmulatorError(f"the weights of {what} are missing or in a form that the emulator does not read")
    if values.size != count:
        raise EmulatorError(f"the weights of {what} are damaged: {values.size} values where {count} belong")
    return values.reshape(shape)


def _dequantize(params: Any, count: int, shape: tuple[int, ...], what: str, channel_axis: int) -> np.ndarray:
    quantization = params.quantization
    bits = int(quantization.numberOfBits)
    if not 1 <= bits <= 8:
        raise EmulatorError(f"the weights of {what} are damaged: {bits} bits a value; allowed: 1 to 8")
    indices = unpack_bits(params.rawValue, bits)[:count]
    if indices.size != count:
        raise EmulatorError(f"the weights of {what} are damaged: {indices.size} values where {count} belong")
    if quantization.WhichOneof("QuantizationType") == "lookupTableQuantization":
        table = np.array(quantization.lookupTableQuantization.floatValue, np.float32)
        if table.size <= int(indices.max(initial=0)):
            raise EmulatorError(f"the weights of {what} are damaged: an index beyond the table of {table.size}")
        return np.asarray(table[indices])
    linear = quantization.linearQuantization
    scale, bias = (_along(values, shape, channel_axis, what) for values in (linear.scale, linear.bias))
    return np.asarray(indices.reshape(shape).astype(np.float32) * scale + bias)


def _along(values: Any, shape: tuple[int, ...], axis: int, what: str) -> np.ndarray:
    array = np.array(values, np.float32)
    if array.size == 1:
        return array.reshape(())
    if array.size != shape[axis]:
        raise EmulatorError(f"the weights of {what} are damaged: {array.size} scales for {shape[axis]} channels")
    return array.reshape([-1 if i == axis else 1 for i in range(len(shape))])


def unpack_bits(data: bytes, bits: int) -> np.ndarray:
    """Unsigned numbers of *bits* bits each, packed from the most significant bit of each byte on."""
    raw = np.frombuffer(data, np.uint8)
    if bits == 8:
        return raw
    flags = np.unpackbits(raw)
    grouped = flags[: len(flags) // bits * bits].reshape(-1, bits)
    return (grouped @ (1 << np.arange(bits - 1, -1, -1))).astype(np.uint8)


def weight_fields(params: Any) -> Iterator[tuple[str, Any]]:
    """The filled ``WeightParams`` in a layer's protobuf, nested ones too, with their names; of several, numbered."""
    for field, value in params.ListFields():
        # The parameters of a custom layer are a map, which holds no weights.
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        items = list(value) if hasattr(value, "__len__") else [value]
        for index, item in enumerate(items):
            name = f"{field.name}[{index}]" if len(items) > 1 else field.name
            if field.message_type.name == "WeightParams":
                yield name, item
            else:
                yield from ((f"{name}.{inner}", found) for inner, found in weight_fields(item))
