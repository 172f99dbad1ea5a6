"""The README's commands that look at model files, and those that make pictures and containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.readme.blocks import Block, of_part, run_block


@pytest.mark.parametrize("block", of_part("verbs"), ids=str)
def test_commands_run(block: Block, checkout: Path) -> None:
    run_block(block, checkout)
    for command in block.commands:
        words = command.split()
        if "-o" in words:
            assert (checkout / words[words.index("-o") + 1]).stat().st_size > 1_000, command
