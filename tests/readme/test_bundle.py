"""The README's way from a shipped recipe to a bundle, for smaller images."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.readme.blocks import Block, of_part, run_block, write_small_recipe


@pytest.mark.parametrize("block", of_part("bundle"), ids=str)
def test_commands_run(block: Block, checkout: Path, vgg_cached: None) -> None:
    write_small_recipe(checkout)
    run_block(block, checkout)
    with Image.open(checkout / "stylized.png") as picture:
        assert picture.size == (64, 64)
        assert len(set(picture.getdata())) > 1000
