"""Writing files so that a file under its final name is always whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from export_pipeline.errors import OutputError


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside *path*; on success sync it and rename it to *path*.

    What the block makes there may be a file or a folder. A file replaces an older one in a single
    step; a folder replaces an older folder by removing that one first. When the block fails,
    nothing is left under either name.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}. Choose another output path.") from error
    try:
        made = aside / path.name
        yield made
        sync(made)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        os.replace(made, path)
        _sync_one(path.parent)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not made.exists():
            raise
        raise OutputError(f"cannot write {path}: {error.strerror}. Free some space or choose another path.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write *data* to *path*, whole or not at all."""
    with written_aside(path) as aside:
        aside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write *text* to *path* as UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def sync(path: Path) -> None:
    """Flush a file, or every file of a folder, to the disk."""
    for file in files_of(path):
        _sync_one(file)


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def files_of(path: Path) -> list[Path]:
    """*path* itself, or the files below it when it is a folder, sorted by name."""
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def size(path: Path) -> int:
    """Bytes of *path* as it lies: a folder counts as the sum of its files."""
    return sum(file.stat().st_size for file in files_of(path))


def sha256(path: Path) -> str:
    """SHA-256 of one file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _sha256(stream)


def _sha256(stream: object) -> str:  # Python 3.10
    digest = hashlib.sha256()
    while chunk := stream.read(1 << 20):  # type: ignore[attr-defined]
        digest.update(chunk)
    return digest.hexdigest()
