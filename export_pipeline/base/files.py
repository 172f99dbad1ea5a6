"""Writing files so that a file under its final name is always whole."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from export_pipeline.errors import OutputError, PipelineError, UsageError

# What a full or failing disk raises in the midst of writing.
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
FULL_BELOW_BYTES = 64 * 1024
PART = ".part"
LOCK = ".lock"


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside *path*; on success sync it and rename it to *path*.

    What the block makes there may be a file or a folder, and replaces an older one of its kind at *path*. When
    the block fails, nothing has changed under the final name. Only a killed process leaves a ``.part`` folder behind.

    Raises:
        OutputError: the folder cannot be written, the disk is full, or what lies there is not of that kind.
    """
    path = Path(path)
    aside = _aside(path)
    try:
        try:
            yield aside / path.name
        except Exception as error:
            if _disk_is_to_blame(error, aside):
                raise _unwritable(path, error) from error
            raise
        try:
            _put_in_place(aside, path)
        except OSError as error:
            raise _unwritable(path, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_writable(path: Path) -> None:
    """Refuse now what :func:`written_aside` would refuse when the work is done. Makes the folder of *path*.

    Raises:
        OutputError: *path* does not end in a name, or its folder cannot be written.
    """
    _aside(Path(path)).rmdir()


def refuse_input(out: Path | None, *inputs: Path | None) -> None:
    """Refuse to write where something lies that is read: a photograph, a model, a recipe.

    Raises:
        UsageError: *out* is one of *inputs*, by whatever name, or lies in one of them.
    """
    if out is None:
        return
    for given in inputs:
        if given is None or not given.exists():
            continue
        inside = given.is_dir() and out.resolve().is_relative_to(given.resolve())
        if inside or (out.exists() and out.samefile(given)):
            what = "" if out == given else f"{'in ' * inside}{given}, which is "
            raise UsageError(f"{out} is {what}read; it is not overwritten. Name another -o.")


def _aside(path: Path) -> Path:
    """A new folder beside *path*, which is made in it."""
    if path.name in ("", ".."):
        raise OutputError(f"cannot write {path}: it does not end in a name. Choose another output path.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent))
    except OSError as error:
        raise _unwritable(path, error) from error


def _put_in_place(aside: Path, path: Path) -> None:
    made = aside / path.name
    sync(made)
    if made.is_dir() and path.is_dir() and not path.is_symlink():
        # A folder cannot be renamed onto a full one; the old one goes to where it is deleted.
        path.rename(aside / f"{path.name}.old")
    made.replace(path)
    _sync_one(path.parent)


def _disk_is_to_blame(error: Exception, aside: Path) -> bool:
    """Whether *error* comes from the disk. Libraries report a full one in errors of their own, so it is asked."""
    if isinstance(error, PipelineError):
        return False
    return getattr(error, "errno", None) in _DISK_ERRORS or shutil.disk_usage(aside).free < FULL_BELOW_BYTES


def _unwritable(path: Path, error: Exception) -> OutputError:
    number = getattr(error, "errno", None)  # the texts of libraries run over many lines
    reason = os.strerror(number) if number else "the disk is full"
    advice = "Free some space or choose" if number in (None, errno.ENOSPC, errno.EDQUOT) else "Choose"
    return OutputError(f"cannot write {path}: {reason}. {advice} another output path.")


@contextlib.contextmanager
def locked(folder: Path, worker: str) -> Iterator[None]:
    """Make *folder* and have it to oneself; the lock ends with the process, however that ends.

    Args:
        worker: what holds the lock, for the message, such as ``build``.

    Raises:
        OutputError: the folder cannot be made.
        UsageError: another process holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}. Choose another output folder.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(
                f"another {worker} is at work in {folder}. Wait for it, or choose another output."
            ) from error
        yield


def empty(folder: Path) -> None:
    """Delete all that lies in *folder* but its lock."""
    for part in folder.iterdir():
        if part.name != LOCK:
            shutil.rmtree(part) if part.is_dir() else part.unlink()


def remove_parts(folder: Path) -> None:
    """Delete what killed processes have left anywhere in *folder*, which nobody else may be writing to."""
    for part in sorted(folder.glob(f"**/.*{PART}")):
        shutil.rmtree(part, ignore_errors=True)


def remove_parts_of(path: Path) -> None:
    """Delete what killed processes have left beside *path* while writing it."""
    for part in sorted(path.parent.glob(f".{glob.escape(path.name)}.????????{PART}")):
        shutil.rmtree(part, ignore_errors=True)


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
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def names_sha256(names: Sequence[str]) -> str:
    """SHA-256 of file names in their order."""
    return hashlib.sha256("\0".join(names).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, which is read once in a process, and again when it has been written to."""
    about = path.stat()
    return _sha256_as_of(path, about.st_ino, about.st_size, about.st_mtime_ns)


@functools.cache
def _sha256_as_of(path: Path, *_: int) -> str:
    return sha256(path)
