"""A checkout to run the README's commands in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.builds import COMMITTED


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands use of a clone, so that what they make goes to a temporary place."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(COMMITTED, folder / "artifacts" / COMMITTED.name)
    return folder


@pytest.fixture
def checkout(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The clone as the working folder."""
    monkeypatch.chdir(clone)
    return clone
