"""The README's commands for CI. They build a smaller recipe: `test_bundle.py` builds the one that is shipped."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from export_pipeline.verbs.common import SHIPPED
from tests.readme.blocks import Block, of_part, run_block


def smaller_recipe() -> str:
    """`export_only` for small images and one target, under the same name."""
    shipped = (SHIPPED / "export_only.toml").read_text(encoding="utf-8").split("[report.budgets")[0]
    smaller = shipped.replace("../../artifacts", "artifacts").replace("= 256\n", "= 64\n")
    assert smaller.count("= 64\n") == 2
    return re.sub("targets = .*", 'targets = ["tflite-dynamic"]', smaller)


@pytest.mark.parametrize("block", of_part("ci"), ids=str)
def test_commands_run(block: Block, checkout: Path, vgg_cached: None) -> None:
    (checkout / "export_only").write_text(smaller_recipe())  # a file goes before a shipped recipe of its name
    *_, verified = run_block(block, checkout)
    assert json.loads((checkout / "report.json").read_text())["record"]
    assert json.loads(verified)
