"""How a kernel lies in a program, as the target says. It runs in the worker.

A table's indices and a mask's bits are packed here: the library's own way to make constants of fewer than eight bits
writes a byte for each, and its runtime reads several out of one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from export_pipeline.formats.forms import DENSE, Form, form_of, table
from export_pipeline.targets import Target

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program
    from export_pipeline.formats.coreai.tensor import Tensor

# Of two, by which a kernel grows at most: what comes in is divided by it, and must stay in the range of half precision.
MOST_GROWTH = 10
MOST = 127  # of 8-bit weights, symmetric: zero is one of the values


class Storage:
    """Holds kernels as *target* says; each is unpacked once, when a device loads the program."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def growth(self, program: Program, values: np.ndarray, outputs: int) -> float:
        """The power of two by which *values* are to be multiplied, and what they meet divided, before they are stored.

        A step below the least normal number of the arithmetic has few digits left: a U-Net that takes 0..255 was at 43
        dB of the float network instead of 57.
        """
        if self._target.weights != "int8":
            return 1.0
        peaks = np.abs(values).max(axis=_other_axes(values, outputs))
        least = peaks[peaks > 0].min(initial=np.inf) / MOST
        power = math.ceil(math.log2(float(np.finfo(program.compute).tiny) / least)) if np.isfinite(least) else 0
        return float(2.0 ** min(max(power, 0), MOST_GROWTH))

    def stored(self, program: Program, values: np.ndarray, outputs: int) -> Any:
        """A value of *values* in the type of the arithmetic; of 8 bits, the nearest, in steps along axis *outputs*."""
        if self._target.weights == "int8":
            return _eight_bits(program, values, outputs)
        with np.errstate(over="ignore"):  # which the constant refuses
            halves = np.ascontiguousarray(values.astype(np.float16)) + np.float16(0)
        form = form_of(halves, self._target) if self._target.exact else DENSE
        made = {"fp16": _dense, "palettized": _tabled, "sparse": _masked}[form.storage](program, halves, form)
        return made if program.compute == np.float16 else program.ops.cast(made, program.compute.type)


def met(program: Program, x: Tensor, values: np.ndarray, outputs: int = 0) -> tuple[Tensor, Any]:
    """*x* and the kernel *values*, ``(out, in, height, width)``, that it is multiplied by.

    A power of two has gone from one to the other where the kernel's steps would lose digits.
    """
    growth = program.storage.growth(program, values, outputs)
    if growth == 1:
        return x, program.kernel(values, outputs)
    return program.scaled(x, 1 / growth), program.kernel(values * np.float32(growth), outputs)


def _eight_bits(program: Program, values: np.ndarray, outputs: int) -> Any:
    """Steps of a size for each output channel, which lie along the axis *outputs*."""
    peak = np.abs(values).max(axis=_other_axes(values, outputs), keepdims=True)
    # In the type of the arithmetic, which the runtime asks for; rounded before it divides, for the nearest steps.
    least = float(np.finfo(program.compute).smallest_subnormal)
    scale = np.maximum(np.where(peak > 0, peak / MOST, 1), least).astype(program.compute)
    steps = np.rint(values / scale.astype(np.float32)).clip(-MOST, MOST).astype(np.int8)
    zeros = np.zeros(scale.shape)
    parts = (program.constant(scale), program.constant(zeros, np.int8), program.constant(zeros))
    return program.ops.blockwise_shift_scale(program.constant(steps), *parts)


def _other_axes(values: np.ndarray, outputs: int) -> tuple[int, ...]:
    return tuple(axis for axis in range(values.ndim) if axis != outputs)


def _dense(program: Program, halves: np.ndarray, form: Form) -> Any:
    return program.constant(halves, np.float16)


def _tabled(program: Program, halves: np.ndarray, form: Form) -> Any:
    entries, indices = table(halves, form.bits)
    palette = program.constant(entries.reshape((1,) * halves.ndim + (-1, 1)), np.float16)
    packed = _packed(program, indices, form.bits, halves.shape)
    return program.ops.lut_to_dense(packed, palette, program.whole(0, dtype=np.int16))


def _masked(program: Program, halves: np.ndarray, form: Form) -> Any:
    mask = _packed(program, (halves != 0).reshape(-1).astype(np.uint8), 1, halves.shape)
    kept = program.constant(halves[halves != 0], np.float16)
    return program.ops.sparse_with_bitmask_to_dense(program.ops.build_sparse_with_bitmask(kept, mask))


def _packed(program: Program, numbers: np.ndarray, bits: int, shape: tuple[int, ...]) -> Any:
    """A constant of uint8 *numbers*, of *bits* bits each, the first in the lowest bits of the first byte."""
    from coreai._compiler.ir import IntegerType

    flags = np.unpackbits(numbers[:, None], axis=1, bitorder="little")[:, :bits]
    content = np.packbits(flags.reshape(-1), bitorder="little")
    return program.resource(content, shape, IntegerType.get_unsigned(bits))
