"""The README's way from a shipped recipe to a bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.readme.blocks import Block, of_part, run_block


@pytest.mark.parametrize("block", of_part("bundle"), ids=str)
def test_commands_run(block: Block, checkout: Path, vgg_cached: None) -> None:
    run_block(block, checkout)
    assert (checkout / "stylized.png").stat().st_size > 10_000
