"""Where the work folder of a bundle lies, and its end."""

from __future__ import annotations

import shutil
from pathlib import Path

from export_pipeline.base.files import LOCK, locked, size

SHELF = "kept"  # checkpoints of other recipes


def work_folder(out: Path) -> Path:
    """Where the build of *out* keeps what is unfinished: ``artifacts/.demo.work`` for ``artifacts/demo``."""
    return out.parent / f".{out.name}.work"


def is_work(folder: Path) -> bool:
    """Whether *folder* is one that a build works in: by its name, and by the lock that it holds."""
    return folder.name.startswith(".") and folder.suffix == ".work" and (folder / LOCK).is_file()


def remove_work(folder: Path) -> int:
    """Remove a work folder, and say how many bytes lay in it.

    Raises:
        UsageError: a build is at work there.
        OutputError: it cannot be written.
    """
    with locked(folder, "build"):
        freed = size(folder)
        shutil.rmtree(folder)
    return freed
