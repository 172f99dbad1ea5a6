"""Writing kernels as tables with indices and as masks, in both formats of Core ML.

The quantizers of Core ML Tools choose forms by rules of their own, convert the program once more with their own
passes, and know no 3 bits below iOS 18. Here a pass of ours says which constant operation takes the place of a
kernel, in the pipeline that converts the network anyway; Core ML Tools checks and writes the operations.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil import types
from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
from coremltools.converters.mil.mil.passes.helper import block_context_manager
from coremltools.converters.mil.mil.passes.pass_registry import register_pass

from export_pipeline.formats.coreml.file import KERNELS, network_kernels
from export_pipeline.formats.forms import DENSE, Form, form_of, table
from export_pipeline.targets import Target

PASS = "export_pipeline::store_kernels"


@register_pass(namespace="export_pipeline")
class store_kernels(AbstractGraphPass):  # noqa: N801 - its name is that of the pass
    """Gives every kernel the form that the option ``target`` asks for; to run last, when kernels are in fp16."""

    target: Target

    def __init__(self) -> None:
        self.target = None  # type: ignore[assignment]  # set by the pipeline before each run

    def apply(self, prog: Any) -> None:
        """Change the program in place."""
        for function in prog.functions.values():
            self._apply(function)

    @block_context_manager
    def _apply(self, block: Any) -> None:
        found = [(operation, name) for operation in list(block.operations) for name in _kernels(operation)]
        for operation, name in found:
            constant = operation.inputs[name].op
            if constant is None or constant.op_type != "const":  # computed, or one that two operations share
                continue
            if constant.val.val.ndim < 2:
                continue
            form = form_of(constant.val.val, self.target)
            if form == DENSE:
                continue
            stored = _CREATE[self.target.ios](form, constant)
            block.replace_uses_of_var_after_op(
                anchor_op=constant, old_var=constant.outputs[0], new_var=stored, force_replace=True
            )
            block.remove_ops([constant])


def _kernels(operation: Any) -> tuple[str, ...]:
    return KERNELS.get(operation.op_type, ())


def _ios16(form: Form, constant: Any) -> Any:
    """The operation of iOS 16 for *form*: flat arrays of bytes, and the shape beside them."""
    values = constant.val.val
    shape = np.asarray(values.shape, np.uint32)
    if form.storage == "sparse":
        mask = pack((values != 0).reshape(-1).astype(np.uint8), 1, "little")
        return mb.constexpr_sparse_to_dense(
            nonzero_data=values[values != 0], mask=mask, shape=shape, before_op=constant, name=constant.name
        )
    entries, indices = table(values, form.bits)
    return mb.constexpr_lut_to_dense(
        indices=pack(indices, form.bits, "little"), lut=entries, shape=shape, before_op=constant, name=constant.name
    )


def _ios18(form: Form, constant: Any) -> Any:
    """The operations of iOS 18 for *form*: arrays of 1 to 8 bits in the shape of the kernel."""
    values, placed = constant.val.val, {"before_op": constant, "name": constant.name}
    if form.storage == "palettized":
        entries, indices = table(values, form.bits)
        return mb.constexpr_lut_to_dense(
            indices=_narrow(indices, form.bits).reshape(values.shape), lut=_as_palettes(entries, values.ndim), **placed
        )
    nonzero, mask = values[values != 0], _narrow(values != 0, 1)
    if form.storage == "joint":
        entries, indices = table(nonzero, form.bits)
        mask, nonzero = mb.constexpr_lut_to_sparse(
            indices_mask=mask,
            indices_nonzero_data=_narrow(indices, form.bits),
            lut=_as_palettes(entries, values.ndim),
            before_op=constant,
            name=f"{constant.name}_nonzero",
        )
    return mb.constexpr_sparse_to_dense(nonzero_data=nonzero, mask=mask, **placed)


_CREATE = {16: _ios16, 18: _ios18}


def _narrow(numbers: np.ndarray, bits: int) -> np.ndarray:
    """*numbers* in the type that Core ML Tools takes for unsigned ones of *bits* bits."""
    return numbers.astype(types.nptype_from_builtin(types.string_to_builtin(f"uint{bits}")))


def _as_palettes(entries: np.ndarray, rank: int) -> np.ndarray:
    """One table for all axes of a kernel, of single values: the last axis would be that of vectors."""
    return entries.reshape((1,) * rank + (entries.size, 1))


def compress_network(spec: Any, target: Target) -> None:
    """Write the float kernels of *spec*, a ``Model`` with a ``neuralNetwork``, as tables where that suits them."""
    for kernel in network_kernels(spec):
        weights = kernel.weights
        values = np.asarray(weights.floatValue, np.float16)
        form = form_of(values, target)
        if form == DENSE:
            continue
        entries, indices = table(values, form.bits)
        weights.Clear()
        weights.rawValue = pack(indices, form.bits, "big").tobytes()
        weights.quantization.numberOfBits = form.bits
        weights.quantization.lookupTableQuantization.floatValue.extend(entries.astype(np.float32).tolist())


def pack(numbers: np.ndarray, bits: int, first: Literal["big", "little"]) -> np.ndarray:
    """uint8 *numbers* in *bits* bits each, packed into bytes.

    The *first* number begins at the most significant bit of a byte (``big``, neural networks) or at the least
    significant one (``little``, ML Programs), and so does each number itself.
    """
    flags = np.unpackbits(numbers[:, None], axis=1, bitorder=first)
    return np.packbits(flags[:, -bits:] if first == "big" else flags[:, :bits], bitorder=first)
