from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import seeds
from tests.shared import shared


@pytest.fixture(scope="session")
def whole() -> Path:
    """The files that the fuzzer starts from."""
    return shared("fuzz-seeds", seeds.main)
