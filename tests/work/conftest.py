"""What builds that are run again share: a copy for each test, and a run that finds no data of this machine's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module", autouse=True)
def without_data() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("EXPORT_PIPELINE_DATA", raising=False)
        yield


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """A copy of what the module has *built*: ``tiny.toml``, its bundle, and its work folder if that was left."""
    shutil.copytree(built, tmp_path / "copy")
    return tmp_path / "copy"
