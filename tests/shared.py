"""What several processes of one test run need, made by the first that asks for it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

# Names the folder of a run to its workers.
VARIABLE = "EXPORT_PIPELINE_TESTS_SHARED"


def pytest_configure(config: pytest.Config) -> None:
    """The process that starts the workers makes the folder, and they inherit its name."""
    if not hasattr(config, "workerinput"):
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="export-pipeline-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(VARIABLE, ""), ignore_errors=True)


def shared(name: str, make: Callable[[Path], None]) -> Path:
    """The folder *name*, which *make* fills for all processes of the run: the others wait for it, and change nothing.

    Where making it fails, the next who asks tries again.
    """
    base = Path(os.environ[VARIABLE])
    folder = base / name
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            aside = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base))
            make(aside)
            aside.rename(folder)
    return folder
