"""Products of the last axis with a matrix, products of two tensors, and tables of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from export_pipeline.formats.coreai.layers.activations import activated, known
from export_pipeline.formats.coreai.registry import Call, layer

if TYPE_CHECKING:
    from export_pipeline.formats.coreai.program import Program
    from export_pipeline.formats.coreai.tensor import Tensor


def product(program: Program, x: Tensor, kernel: np.ndarray) -> Tensor:
    """The last axis of *x* by *kernel* ``(in, out)``; the axes before it are rows of one matrix."""
    shape = x.shape
    rows = program.reshaped(program.last(program.computed(x)), (int(np.prod(shape[:-1])), shape[-1]))
    made = program.matmul(rows, program.kernel(kernel))
    return type(x)(program.reshaped(made, (*shape[:-1], kernel.shape[1])))


@layer("Dense", check=known)
def _dense(program: Program, call: Call, x: Tensor) -> Tensor:
    made = product(program, x, call.weight("kernel"))
    if call.has("bias"):
        made = program.binary("add", made, program.channels(made, call.weight("bias")))
    return activated(program, call.config.get("activation"), made)


def _of_matrices(config: Any) -> str:
    axes = config["axes"] if isinstance(config["axes"], (list, tuple)) else [config["axes"]] * 2
    return "" if all(axis in (1, 2, -1) for axis in axes) else f"axes {config['axes']}"


@layer("Dot", check=_of_matrices)
def _dot(program: Program, call: Call, one: Tensor, other: Tensor) -> Tensor:
    """The sums of products along an axis of each, of every pair of rows in a batch."""
    axes = call.config["axes"] if isinstance(call.config["axes"], (list, tuple)) else [call.config["axes"]] * 2
    if call.config.get("normalize"):
        one, other = (_unit(program, each, axis) for each, axis in zip((one, other), axes, strict=True))
    left, right = program.last(program.computed(one)), program.last(program.computed(other))
    first, second = (axis % len(each.held) for axis, each in zip(axes, (one, other), strict=True))
    if len(one.held) == 2:
        left, first = program.reshaped(left, (one.shape[0], 1, one.shape[1])), 2
    if len(other.held) == 2:
        right, second = program.reshaped(right, (other.shape[0], other.shape[1], 1)), 1
    left = left if first == 2 else program.transposed(left, (0, 2, 1))
    right = right if second == 1 else program.transposed(right, (0, 2, 1))
    return type(one)(program.reshaped(program.matmul(left, right), call.shape))


def _unit(program: Program, x: Tensor, axis: int) -> Tensor:
    squares = program.sum_over(program.binary("mul", x, x), [axis])
    least = program.binary("maximum", squares, program.number(squares, 1e-12))
    return program.binary("mul", x, program.unary("rsqrt", least))


@layer("Embedding", check=lambda config: "mask_zero" if config.get("mask_zero") else "")
def _embedding(program: Program, call: Call, x: Tensor) -> Tensor:
    indices = program.cast(type(x)(program.last(x)), np.int32)
    table = program.constant(call.weight("embeddings"))
    rows = program.reshaped(indices.value, (*indices.shape, 1))
    return type(x)(program.ops.gather_nd(table, rows))
