"""Recipes on record, in bundles and checkpoints: they give every key, also those that do nothing, and are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from export_pipeline.bundle import MANIFEST, Bundle
from export_pipeline.recipe import Recipe
from export_pipeline.report import read_report
from export_pipeline.train import Checkpoint

ROOT = Path(__file__).parents[2]
RECORDS = sorted([*(ROOT / "artifacts").glob("*/manifest.json"), *(ROOT / "artifacts").glob("*/*.safetensors")])


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_recipe_on_record_is_read_and_so_is_its_dump(path: Path) -> None:
    """It gives every key, those that do nothing as well; that of ``starry_night_small`` is older than most of them."""
    bundle = path.name == MANIFEST
    recipe = Bundle.open(path.parent).manifest.recipe if bundle else Checkpoint.open(path).info.recipe
    if bundle:
        assert read_report(path.parent).record.recipe == recipe
    assert Recipe.parse(recipe.model_dump()) == recipe
    assert Recipe.parse(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize(
    "compress",
    [
        {"bits": 4, "skip": ["out_conv"]},
        {"bits": 4, "cluster": {"sensitivity": "fisher"}},
        {"schedule": "constant", "steps": 100, "layers": {"out_conv": 0.5}},
        {"structured": {"blocks": 1}},
        {"structured": {"rounds": 1, "steps": 0}},
    ],
)
def test_the_dump_of_a_recipe_is_a_recipe(compress: dict[str, Any]) -> None:
    recipe = Recipe.parse({"compress": compress})
    assert Recipe.parse(recipe.model_dump()) == recipe
