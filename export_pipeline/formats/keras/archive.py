"""Keras archives that are the same bytes for the same network, whenever they are written."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from export_pipeline.base.files import written_aside

_METADATA, _SAVED = "metadata.json", "date_saved"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip archive can have


def save_archive(model: Any, path: Path) -> None:
    """Write the Keras *model* to *path*, a ``.keras`` archive without the time of its writing.

    Raises:
        OutputError: it cannot be written.
    """
    with written_aside(path) as aside:
        model.save(aside, save_format="keras")
        with zipfile.ZipFile(aside) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        metadata = json.loads(parts[_METADATA])
        metadata.pop(_SAVED, None)
        parts[_METADATA] = json.dumps(metadata).encode()
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as archive:
            for name, content in parts.items():
                entry = zipfile.ZipInfo(name, _DATE)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, content)
