"""Which finished files may be kept when an export is run again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from export_pipeline import __version__
from export_pipeline.base import files
from export_pipeline.formats import Conversion
from export_pipeline.formats.libraries import versions
from export_pipeline.records.exported import ExportedModel

FOLDER = ".state"
_CODE = (".py", ".weights")
# Our own code that decides what a file holds, beside the version: a checkout changes without a new one.
_PACKAGE = Path(__file__).parents[1]
SOURCES = (
    _PACKAGE / "emulator",  # reads a file back before it is taken
    _PACKAGE / "export",
    _PACKAGE / "formats",
    _PACKAGE / "models",
    _PACKAGE / "records",
    _PACKAGE / "targets.py",
)


class _State(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    made_from: str
    exported: ExportedModel


def made_from(conversion: Conversion, identity: dict[str, Any]) -> str:
    """SHA-256 over all that decides what a file holds: weights, layers, samples, settings, converters, our code."""
    digest = hashlib.sha256()
    words = [conversion.title, conversion.version, sorted(conversion.about.items())]
    settings = [identity, asdict(conversion.target), conversion.signature.model_dump(), words]
    about = [settings, code(*SOURCES), conversion.model.get_config()]
    digest.update(json.dumps(about, sort_keys=True, default=str).encode())
    if conversion.rounded is not None:
        trained = [conversion.rounded.model.get_config(), sorted(conversion.rounded.ranges.items())]
        digest.update(json.dumps(trained, sort_keys=True, default=str).encode())
    samples = (array for sample in conversion.samples for _, array in sorted(sample.items()))
    for array in [*conversion.model.get_weights(), *samples]:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def code(*sources: Path) -> dict[str, str]:
    """Versions of the libraries and of this package, and a SHA-256 of each of its files in the folders *sources*.

    A source may be a file, too. Weights that lie beside code count like it.
    """
    found = {path.relative_to(source.parent): path for source in sources for path in files.files_of(source)}
    own = {name.as_posix(): files.sha256(path) for name, path in found.items() if name.suffix in _CODE}
    return {**versions(), "export-pipeline": __version__, **own}


def hashes(folder: Path, file: str) -> dict[str, str]:
    """SHA-256 by path, relative to *folder*, of *file* or of the files below it."""
    return {found.relative_to(folder).as_posix(): files.sha256(found) for found in files.files_of(folder / file)}


def record(folder: Path, exported: ExportedModel, key: str) -> None:
    """Note that *exported* was made from what *key* stands for. Written after the file has its final name."""
    state = _State(made_from=key, exported=exported)
    files.write_text(folder / FOLDER / f"{exported.target}.json", state.model_dump_json(indent=1) + "\n")


def finished(folder: Path, target: str, key: str) -> ExportedModel | None:
    """The export of *target* in *folder* if it is whole, unchanged and made from what *key* stands for."""
    try:
        state = _State.model_validate_json((folder / FOLDER / f"{target}.json").read_bytes())
    except (OSError, ValidationError):
        return None  # never finished, or noted by another version: made again
    exported = state.exported
    if state.made_from != key or not (folder / exported.file).exists():
        return None
    return exported if hashes(folder, exported.file) == exported.sha256 else None
