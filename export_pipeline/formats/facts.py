"""What is read back from a file that was just written, for the export stage to hold against what it asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from export_pipeline.records.signature import ImageSignature


@dataclass(frozen=True)
class Door:
    """An input or output as the file has it. ``low`` and ``high`` are what its least and greatest value mean."""

    name: str
    shape: tuple[int, ...]
    interface: str
    low: float = 0.0
    high: float = 255.0


@dataclass(frozen=True, eq=False)
class Kernel:
    """A convolution's kernel as the file has it: how many values, how they are stored, in how many bits each.

    ``values`` are those that a runtime computes with, ``(out, in, height, width)`` in fp16, where all storages of
    the format can be read back exactly.
    """

    size: int
    storage: str
    bits: int
    values: np.ndarray | None = None


@dataclass(frozen=True)
class Facts:
    """What was read back from a file. ``kernels`` has every convolution's."""

    inputs: tuple[Door, ...]
    outputs: tuple[Door, ...]
    kernels: tuple[Kernel, ...]
    signature: ImageSignature | None
