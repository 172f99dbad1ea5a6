"""A page of a study is what its record draws: neither has changed without the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.benchmarks import collaboration_page, universal_page, wct_page
from tests.imports import ROOT

PAGES = {".": universal_page.page, "wct": wct_page.page, "collaboration": collaboration_page.page}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_record_draws(name: str) -> None:
    folder = ROOT / "artifacts" / "universal" / name
    draw: Callable[[dict[str, Any]], str] = PAGES[name]
    assert (folder / "README.md").read_text() == draw(json.loads((folder / "study.json").read_text()))
