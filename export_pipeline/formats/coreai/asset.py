"""An ``.aimodel`` folder as it lies: the program, its SHA-256, and a page of metadata in JSON."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from export_pipeline.base.documents import parsed
from export_pipeline.errors import ModelError
from export_pipeline.records.signature import Signature

PROGRAM, HASH, METADATA = "main.mlirb", "main.hash", "metadata.json"
AUTHOR = "export-pipeline"
# Of the form of the folder, as Apple's library 1.0.0b3 writes it.
_VERSION = "2.0"
_MOST_METADATA = 1 << 24


def write(path: Path, program: bytes, signature: Signature, title: str, version: str) -> None:
    """Write the folder *path*, which does not exist yet: no date, so that equal networks give equal bytes."""
    metadata = {
        "assetVersion": _VERSION,
        "author": AUTHOR,
        "modelDescription": title,
        "creatorDefinedMetadata": {
            **{key: json.loads(text) for key, text in signature.metadata().items()},
            **({"version": version} if version else {}),
        },
    }
    path.mkdir()
    (path / PROGRAM).write_bytes(program)
    (path / HASH).write_bytes(hashlib.sha256(program).digest())
    (path / METADATA).write_text(json.dumps(metadata, separators=(",", ":"), sort_keys=True), encoding="utf-8")


def read_metadata(path: Path) -> dict[str, str]:
    """The text entries of the folder *path*, whose program must be the one that its hash is of.

    Raises:
        ModelError: files are missing or damaged.
    """
    program = path / PROGRAM
    try:
        told = (path / METADATA).read_bytes() if (path / METADATA).is_file() else b"{}"
        content = program.read_bytes()
        wanted = (path / HASH).read_bytes() if (path / HASH).is_file() else None
        if wanted is not None and hashlib.sha256(content).digest() != wanted:
            raise ModelError(f"{path} is damaged: {PROGRAM} is not what {HASH} is of. Export it again.")
        if len(told) > _MOST_METADATA:
            raise ValueError("its metadata are too long")
        return _texts(parsed(told))
    except (OSError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise ModelError(f"{path} is damaged or no Core AI model ({first}). Give a whole folder.") from error


def _texts(metadata: Any) -> dict[str, str]:
    if not isinstance(metadata, dict):
        raise ValueError("its metadata are no table")
    own = metadata.get("creatorDefinedMetadata")
    listed = {key: value for key, value in metadata.items() if isinstance(value, str)}
    return listed | {key: _text(value) for key, value in (own if isinstance(own, dict) else {}).items()}


def _text(value: Any) -> str:
    """An entry as text; tables, as the signature is one, in JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
