"""The README's commands for CI, with one target and smaller images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.readme.blocks import Block, of_part, run_block, write_small_recipe


@pytest.mark.parametrize("block", of_part("ci"), ids=str)
def test_commands_run(block: Block, checkout: Path, vgg_cached: None, measured_here: None) -> None:
    # Without the budgets of the files that are then not made.
    write_small_recipe(checkout, targets='["tflite-dynamic"]')
    recipe = checkout / "export_only"
    recipe.write_text(recipe.read_text().split("[report.budgets")[0])
    *_, verified = run_block(block, checkout)
    assert json.loads((checkout / "report.json").read_text())["record"]
    assert json.loads(verified)
