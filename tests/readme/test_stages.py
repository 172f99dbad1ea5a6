"""The README's commands of single stages, on the committed bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.readme.blocks import Block, of_part, run_block


@pytest.mark.parametrize("block", of_part("stages"), ids=str)
def test_commands_run(block: Block, checkout: Path) -> None:
    run_block(block, checkout)
