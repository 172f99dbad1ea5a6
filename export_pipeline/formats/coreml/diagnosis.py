"""What a Core ML file says of how it will fare on the Neural Engine, and of its sums in half precision."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from export_pipeline.emulator import Listing, listing
from export_pipeline.formats import diagnosis
from export_pipeline.records.contents import Contents
from export_pipeline.records.diagnosis import Diagnosis

ACCELERATOR = "Neural Engine"
_HALF = "float16"
_NORMS = ("instance_norm", "l2_norm")
_REDUCTIONS = ("reduce_mean", "reduce_sum", "reduce_sum_square", "reduce_l1_norm", "reduce_l2_norm")


def read(path: Path, contents: Contents) -> Diagnosis:
    """Diagnose a file: what Apple documents as kept off the Neural Engine, beside what its contents tell.

    A neural network, the older format, declares no precision, so that nothing is said of its sums.
    """
    program = listing(path)
    longest, sums = diagnosis.long_sums(dict(_sums(program)))
    return diagnosis.of_weights(path, contents).model_copy(
        update={
            "accelerator": ACCELERATOR,
            "operations": sum(1 for body in program.bodies for _ in body.walk()),
            "longest_sum": longest,
            "sums": sums,
            "notes": program.neural_engine,
        }
    )


def _sums(program: Listing) -> Iterator[tuple[str, int]]:
    """The most values that a sum of each type of operation adds up, where its result is half precision."""
    found: dict[str, int] = {}
    for body in program.bodies:
        shapes = {value.name: value.shape for value in body.inputs}
        for step in body.walk():
            shapes |= {value.name: value.shape for value in step.outputs}
            if not step.outputs or step.outputs[0].dtype != _HALF:
                continue
            taken, given = _size(shapes.get(dict(step.arguments).get("x", ""))), _size(step.outputs[0].shape)
            if step.kind in _NORMS and taken:
                shape = step.outputs[0].shape or ()
                found[step.kind] = max(found.get(step.kind, 0), _size(shape[2:]) or 0)
            elif step.kind in _REDUCTIONS and taken and given:
                found[step.kind] = max(found.get(step.kind, 0), taken // given)
    yield from found.items()


def _size(shape: tuple[int | None, ...] | None) -> int | None:
    """How many values a tensor has; ``None`` where its shape is not known."""
    return None if shape is None or None in shape else math.prod(length or 0 for length in shape)
