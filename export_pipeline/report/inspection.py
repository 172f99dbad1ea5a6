"""``inspect``: what any model file tells about itself."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from export_pipeline.report.contents import contents_of
from export_pipeline.report.model import Format, Inspection, PortRecord
from export_pipeline.report.size import size_of
from export_pipeline.runtimes import Port, open_model


def inspect(path: Path | str) -> Inspection:
    """Read a model file of any format: what it takes, gives, holds and does.

    Multiply-accumulates of a file that takes any size are left out.

    Raises:
        ModelError: the file is missing, truncated, foreign or of an unknown suffix.
        EmulatorError: a Core ML file cannot be read, or uses operations that are not known.
    """
    path = Path(path)
    runtime = open_model(path)
    return Inspection(
        file=path.name,
        format=cast(Format, path.suffix.removeprefix(".")),
        signature=runtime.signature,
        metadata=runtime.metadata,
        inputs=tuple(_port(port) for port in runtime.inputs),
        outputs=tuple(_port(port) for port in runtime.outputs),
        size=size_of(path),
        contents=contents_of(path),
    )


def _port(port: Port) -> PortRecord:
    return PortRecord.model_validate(
        {
            "name": port.name,
            "kind": port.kind,
            "shape": port.shape,
            "dtype": port.dtype,
            "scale": port.scale,
            "zero_point": port.zero_point,
        }
    )
