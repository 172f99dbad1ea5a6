"""Contents of a Core ML file, as the emulator reads it."""

from __future__ import annotations

from pathlib import Path

from export_pipeline.formats.tensors import summary, weight
from export_pipeline.records.contents import Contents

_KERNEL_RANK = 4  # of all weights only the kernels of two-dimensional convolutions have four axes


def read(path: Path) -> Contents:
    """Read a ``.mlpackage`` or ``.mlmodel``."""
    from export_pipeline import emulator

    described = emulator.describe(path)
    weights = [
        weight(info.name, info.values, info.dtype_stored, info.bits, info.values.ndim == _KERNEL_RANK)
        for info in emulator.weights(path).values()
    ]
    return summary(weights, described["operations"], described["precisions"], described["multiply_accumulates"])
