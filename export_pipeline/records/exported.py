"""The noun that the export stage passes on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from export_pipeline.records.signature import ImageSignature


class ExportedModel(BaseModel):
    """One exported file, and what it was made from.

    ``file`` is its name inside the folder it lies in; ``sha256`` has one entry for a single file, and
    one for each file of an ``.mlpackage``, by path relative to the folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str
    file: str
    signature: ImageSignature
    sha256: dict[str, str]
    checkpoint_sha256: str
    notes: tuple[str, ...] = ()
