"""Writing an ``.aimodel`` folder of a Keras network: arrays in and out, in the layout of the network."""

from __future__ import annotations

import tempfile
from pathlib import Path

from export_pipeline.errors import ExportError, ModelError
from export_pipeline.formats import forms, static
from export_pipeline.formats.coreai import asset, layers, registry
from export_pipeline.formats.coreai.network import described
from export_pipeline.formats.coreai.process import Process
from export_pipeline.formats.format import Conversion

__all__ = ["layers", "write"]


def write(conversion: Conversion, path: Path) -> tuple[str, ...]:
    """Write the folder *path*, and note the forms of its kernels where the target has several.

    Raises:
        ExportError: layers are not written, all named; no kernel gets smaller; or the library failed.
    """
    target, kernels = conversion.target, static.kernels(conversion.model)
    if target.exact:
        forms.check(target, kernels)
    network, arrays = described(conversion.model, conversion.signature)
    registry.check(network["calls"])
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / asset.PROGRAM
        message = {"do": "write", "network": network, "target": target.name, "path": str(program)}
        try:
            with Process() as process:
                process.ask(message, arrays)
        except ModelError as error:
            raise ExportError(f"{target.name} could not be written: {error}") from error
        content = program.read_bytes()
    asset.write(path, content, conversion.signature, conversion.title, conversion.version)
    return (forms.note(target, kernels),) if target.exact else ()
