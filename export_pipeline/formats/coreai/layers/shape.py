"""The same values with other axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from export_pipeline.formats.coreai.registry import Call, layer

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program
    from export_pipeline.formats.coreai.tensor import Tensor


@layer("Flatten", "Reshape")
def _reshape(program: Program, call: Call, x: Tensor) -> Tensor:
    return program.reshape(x, call.shape)


@layer("Permute")
def _permute(program: Program, call: Call, x: Tensor) -> Tensor:
    """Keras counts axes from one, the batch left out."""
    return type(x)(program.transposed(program.last(x), (0, *call.config["dims"])))


@layer("RepeatVector")
def _repeat(program: Program, call: Call, x: Tensor) -> Tensor:
    row = program.reshape(x, (x.shape[0], 1, x.shape[1]))
    return type(x)(program.spread(row.value, call.shape))


@layer("Concatenate")
def _concatenate(program: Program, call: Call, *tensors: Tensor) -> Tensor:
    return program.concat(tensors, int(call.config["axis"]))
