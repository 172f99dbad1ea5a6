"""What the tests of universal style transfer share."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.small_training import picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder ``content`` of five photographs, in another that is returned."""
    (tmp_path / "content").mkdir()
    for index in range(5):
        Image.fromarray(picture(index, 60, 70 + index)).save(tmp_path / "content" / f"{index}.png")
    return tmp_path
