"""A network, as ``network.py`` describes it, as a program: layer by layer. It runs in the worker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.formats.coreai import layers
from export_pipeline.formats.coreai.program import Program
from export_pipeline.formats.coreai.registry import LAYERS, Call
from export_pipeline.formats.coreai.storage import Storage
from export_pipeline.formats.coreai.tensor import Tensor
from export_pipeline.targets import target_of

# What the Neural Engine computes in. Apple's devices are as fast in it as in none other.
COMPUTE = "float16"

__all__ = ["layers", "write"]


def write(
    network: dict[str, Any], arrays: Sequence[np.ndarray], target: str, path: Path, compute: str = COMPUTE
) -> None:
    """Write the program of *network*, whose weights are *arrays*, to the file *path*, as *target* says.

    It is made twice: the first one tells which parts occur more than once. With *compute* in float32 it tells what of
    a difference is the arithmetic's.
    """

    def build(program: Program, inputs: list[Tensor]) -> list[Tensor]:
        tensors = dict(zip(network["inputs"], inputs, strict=True))
        for each in network["calls"]:
            call = _call(each, arrays)
            made = LAYERS[call.kind](program, call, *(tensors[number] for number in each["inputs"]))
            if made.shape != call.shape:
                raise ValueError(f"{call.kind} {call.name} gives {made.shape} and must give {call.shape}")
            tensors[each["outputs"][0]] = made
        return [tensors[number] for number in network["outputs"]]

    storage = Storage(target_of(target))
    counted = Program(storage, compute)
    counted.make(network, build)
    made = Program(storage, compute, counted.functions.counts)
    made.make(network, build)
    made.write(path)


def _call(each: dict[str, Any], arrays: Sequence[np.ndarray]) -> Call:
    return Call(
        kind=each["kind"],
        name=each["name"],
        config=each["config"],
        weights=[(role, arrays[number]) for role, number in each["weights"]],
        shape=tuple(each["shapes"][0]),
        arguments=each["arguments"],
    )
