"""Size of a file or package on disk and in a store download."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from export_pipeline.base import files

# No clock in the archive, or its size could vary with the date's digits.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Size(BaseModel):
    """Bytes of all files as they lie, and in a zip archive at level 9."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int
    deflated_bytes: int


def size_of(path: Path) -> Size:
    """Bytes of a file, or of all files of a package, as they lie and deflated."""
    return Size(bytes=files.size(path), deflated_bytes=len(_zipped(path)))


def _zipped(path: Path) -> bytes:
    """The zip archive of *path*, as ``zip -9`` would make it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for file in files.files_of(path):
            entry = zipfile.ZipInfo(file.relative_to(path.parent).as_posix(), _EPOCH)
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)
    return stream.getvalue()
