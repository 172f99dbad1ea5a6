"""The committed bundle keeps what the project promises of it."""

from __future__ import annotations

import json

import pytest

from export_pipeline.bundle import Bundle
from export_pipeline.files import size
from tests.builds import COMMITTED, ROOT

PUBLISHED_BYTES = 16_876


def test_it_is_smaller_than_the_published_network() -> None:
    assert size(COMMITTED / "starry_night_small-int8.mlmodel") <= PUBLISHED_BYTES
    assert size(COMMITTED / "starry_night_small-int8.mlpackage") <= 36_000


def test_every_check_of_its_report_passed() -> None:
    report = json.loads((COMMITTED / "report.json").read_text())
    assert {row["status"] for row in report["parity"]} == {"passed"}
    assert {row["images"] for row in report["parity"]} == {20}
    assert {row["quality"] for row in report["parity"]} == {"measured"}
    assert {row["status"] for row in report["budgets"]} == {"passed"}
    assert report["float_network"]["parameters"] == 11_868


def test_it_is_what_its_recipe_makes() -> None:
    from export_pipeline.recipe import Recipe

    bundle = Bundle.open(COMMITTED)
    recipe = Recipe.load(ROOT / "export_pipeline" / "recipes" / "starry_night_small.toml")
    assert bundle.manifest.recipe.model_dump() == recipe.model_dump()


@pytest.mark.parametrize("number", ["11,868", "16,876"])
def test_the_readme_quotes_the_report(number: str) -> None:
    assert number in (ROOT / "README.md").read_text()


def test_the_readme_shows_the_sizes_as_they_are() -> None:
    readme = (ROOT / "README.md").read_text()
    for model in Bundle.open(COMMITTED).manifest.models:
        assert f"{size(COMMITTED / model.file):,}" in readme, model.file
