"""``inspect`` of a safetensors file: the tensors of a checkpoint, and what it says of where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from export_pipeline.base.documents import parsed
from export_pipeline.base.printable import printable
from export_pipeline.base.size import Size, size_of
from export_pipeline.coding.weight_files import read_arrays
from export_pipeline.records.contents import Noun
from export_pipeline.report.tables import TextTable, text_table
from export_pipeline.report.words import percent

SUFFIX = ".safetensors"
_OWN = "checkpoint"  # the key of the metadata of ours
_LONGEST = 200


class HeldTensor(Noun):
    """One tensor of a safetensors file."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    zeros: int


class CheckpointInspection(Noun):
    """What a safetensors file holds; ``metadata`` is what it says of itself, tables by dotted names."""

    file: str
    format: Literal["safetensors"] = "safetensors"
    size: Size
    parameters: int = Field(description="values of the network's tensors; of a file that is no checkpoint, of all")
    metadata: dict[str, str]
    tensors: tuple[HeldTensor, ...]


def inspect_checkpoint(path: Path) -> CheckpointInspection:
    """Read a safetensors file, whole.

    Raises:
        WeightsError: it is missing, truncated or foreign.
    """
    arrays = read_arrays(path)
    own = [array for name, array in arrays.items() if not name.startswith("optimizer.")]
    return CheckpointInspection(
        file=path.name,
        size=size_of(path),
        parameters=sum(array.size for array in own),
        metadata=_metadata(path),
        tensors=tuple(
            HeldTensor(
                name=name, shape=array.shape, dtype=array.dtype.name, zeros=array.size - int(np.count_nonzero(array))
            )
            for name, array in arrays.items()
        ),
    )


def checkpoint_text(seen: CheckpointInspection) -> str:
    """What ``inspect`` prints."""
    head = f"{seen.file}: {seen.format}, {seen.size.bytes:,} bytes ({seen.size.deflated_bytes:,} deflated)"
    lines = [head, f"parameters {seen.parameters:,}"]
    lines += [f"{name}: {value[:_LONGEST]}" for name, value in seen.metadata.items()]
    rows = tuple(
        (printable(t.name), "x".join(map(str, t.shape)), t.dtype, percent(t.zeros / (int(np.prod(t.shape)) or 1)))
        for t in seen.tensors
    )
    table = text_table(TextTable("Tensors", ("name", "shape", "type", "zeros"), rows))
    return "\n".join([*map(printable, lines), "", table])


def _metadata(path: Path) -> dict[str, str]:
    """Text entries of the file; that of a checkpoint of ours taken apart."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        found = dict(file.metadata() or {})
    try:
        about = parsed(found.pop(_OWN, "{}"))
    except ValueError:
        about = {}
    return {**found, **dict(_flat("", about))}


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    elif value not in (None, [], ""):
        yield prefix, str(value)
