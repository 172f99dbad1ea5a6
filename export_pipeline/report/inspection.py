"""``inspect``: what any model file, or a container of weights, tells about itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from export_pipeline import coding
from export_pipeline.base.size import size_of
from export_pipeline.formats import contents_of, diagnosis_of, format_of, interface_of
from export_pipeline.report import checkpoint
from export_pipeline.report.checkpoint import CheckpointInspection
from export_pipeline.report.model import ContainerInspection, Inspection, StoredTensor


def inspect(path: Path | str) -> Inspection | ContainerInspection | CheckpointInspection:
    """Read a file of any format that is made here.

    Raises:
        WeightsError: a ``.weights`` container or a ``.safetensors`` file is missing, truncated, damaged or foreign.
        ModelError, EmulatorError: any other file: see :func:`inspect_model`.
    """
    path = Path(path)
    if path.suffix == checkpoint.SUFFIX:
        return checkpoint.inspect_checkpoint(path)
    if path.suffix == coding.SUFFIX:
        return inspect_container(path)
    format_of(path, (coding.SUFFIX, checkpoint.SUFFIX))
    return inspect_model(path)


def inspect_container(path: Path) -> ContainerInspection:
    """Read a container of weights, whole: its tensors, the form of each, and the bytes that it takes.

    Raises:
        WeightsError: it is missing, truncated, damaged or foreign.
    """
    arrays = coding.read(path)
    return ContainerInspection(
        file=path.name,
        size=size_of(path),
        parameters=sum(array.size for array in arrays.values()),
        memory_bytes=sum(array.nbytes for array in arrays.values()),
        tensors=tuple(
            StoredTensor(
                name=record.name,
                shape=record.shape,
                dtype=record.dtype,
                stored=record.stored,
                form=record.positions,
                table=record.clusters or None,
                zeros=record.size - int(np.count_nonzero(arrays[record.name])),
                bytes=sum(record.lengths),
            )
            for record in coding.records(path)
        ),
    )


def inspect_model(path: Path) -> Inspection:
    """Read a model file of any format: what it takes, gives, holds and does, and of a Core ML file the whole program.

    Multiply-accumulates of a file that takes any size are left out.

    Raises:
        ModelError: the file is missing, truncated, foreign or of an unknown suffix.
        EmulatorError: a Core ML file cannot be read, or its program uses operations that are not known.
    """
    interface, contents = interface_of(path), contents_of(path)
    return Inspection(
        file=path.name,
        format=path.suffix.removeprefix("."),
        signature=interface.signature,
        metadata=interface.metadata,
        inputs=interface.inputs,
        outputs=interface.outputs,
        size=size_of(path),
        contents=contents,
        diagnosis=diagnosis_of(path, contents),
        program=format_of(path).listing(path),
    )
