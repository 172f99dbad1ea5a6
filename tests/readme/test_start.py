"""The README's first commands."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.builds import ROOT
from tests.readme.blocks import Block, of_part, run_block

COMMANDS = [command for block in of_part("start") for command in block.commands]


def test_every_command_is_known_here() -> None:
    assert [command for command in COMMANDS if not command.startswith(("make ", "export-pipeline "))] == [
        "source .venv/bin/activate"
    ]


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_make_targets_exist(command: str) -> None:
    subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("export-pipeline ")])
def test_commands_run(command: str, checkout: Path) -> None:
    run_block(Block("Start", "sh", command), checkout)
