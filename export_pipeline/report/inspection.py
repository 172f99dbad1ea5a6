"""``inspect``: what any model file tells about itself."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from export_pipeline.report.contents import contents_of
from export_pipeline.report.model import Format, Inspection, PortRecord
from export_pipeline.report.size import size_of
from export_pipeline.runtimes import CORE_ML, Port, interface_of


def inspect(path: Path | str) -> Inspection:
    """Read a model file of any format: what it takes, gives, holds and does, and of a Core ML file the whole program.

    Multiply-accumulates of a file that takes any size are left out.

    Raises:
        ModelError: the file is missing, truncated, foreign or of an unknown suffix.
        EmulatorError: a Core ML file cannot be read, or its program uses operations that are not known.
    """
    from export_pipeline.emulator import listing

    path = Path(path)
    interface = interface_of(path)
    return Inspection(
        file=path.name,
        format=cast(Format, path.suffix.removeprefix(".")),
        signature=interface.signature,
        metadata=interface.metadata,
        inputs=tuple(_port(port) for port in interface.inputs),
        outputs=tuple(_port(port) for port in interface.outputs),
        size=size_of(path),
        contents=contents_of(path),
        program=listing(path) if path.suffix in CORE_ML else None,
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
            "optional": port.optional,
        }
    )
