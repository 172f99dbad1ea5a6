"""The fenced blocks of the README files, and how their commands are run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from export_pipeline.verbs.common import SHIPPED
from tests.builds import ROOT, run

README = ROOT / "README.md"
RESULTS = ROOT / "artifacts" / "README.md"

# Headings of the README whose ``sh`` blocks are run by ``test_<part>.py``. Each file can be run beside the others, so a
# block that needs what another makes is in the same part.
PARTS = {
    "start": ("Start",),
    "bundle": ("Sixty seconds to a bundle",),
    "stages": ("Writing a recipe", "Verify", "Report"),
    "verbs": ("Other verbs",),
    "ci": ("In CI",),
}
# These load nothing heavy, and are run as a user does: each in a process of its own.
LIGHT = ("doctor", "list", "report", "schema")


@dataclass(frozen=True)
class Block:
    """A fenced block, and the heading that it stands under."""

    heading: str
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Its lines without comments."""
        return [command for line in self.text.splitlines() if (command := line.split("  #")[0].strip())]

    def __str__(self) -> str:
        return f"{self.heading}: {self.commands[0][:40]}"


def blocks(page: Path = README) -> list[Block]:
    """Every fenced block of *page*, in order."""
    return list(_blocks(page.read_text(encoding="utf-8")))


def _blocks(text: str) -> Iterator[Block]:
    heading = ""
    for found in re.finditer(r"^#+ (?P<heading>[^\n]*)$|^```(?P<language>\w*)\n(?P<text>.*?)^```$", text, re.M | re.S):
        if found["heading"] is not None:
            heading = found["heading"]
        else:
            yield Block(heading, found["language"], found["text"])


def of_language(language: str, page: Path = README) -> list[Block]:
    """The blocks of *page* in one language."""
    return [block for block in blocks(page) if block.language == language]


def of_part(part: str) -> list[Block]:
    """The ``sh`` blocks of the README that ``test_<part>.py`` runs."""
    return [block for block in of_language("sh") if block.heading in PARTS[part]]


def write_small_recipe(folder: Path, **changed: str) -> None:
    """Let ``export_only`` name the shipped recipe for images of 64x64 in *folder*: a file goes before a shipped recipe.

    At 256x256 the repeated runs of its benchmark would be most of the time. *changed* are other lines, by key.
    """
    text = (SHIPPED / "export_only.toml").read_text(encoding="utf-8")
    shipped, lies_here = "warm_starts/released_starry_night_small", "artifacts/starry_night_small/checkpoint"
    text = text.replace(shipped, lies_here)
    for key, value in {"height": "64", "width": "64", **changed}.items():
        text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.M)
        assert count == 1, key
    (folder / "export_only").write_text(text)


def run_block(block: Block, folder: Path) -> list[str]:
    """Run the commands of *block* in *folder*, the working folder, as in a checkout; what each of them printed.

    Each must succeed and print something.
    """
    printed = []
    for command in block.commands:
        result = _shell(command, folder) if command.split()[1] in LIGHT else run_here(command)
        assert result.returncode == 0, f"{command}\n{result.stderr}"
        assert result.stdout, command
        printed.append(result.stdout)
    return printed


def _shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run *command* with a shell, ``export-pipeline`` being this checkout's."""
    script = folder / "bin" / "export-pipeline"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m export_pipeline "$@"\n')
    script.chmod(0o755)
    path = f"{script.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path}
    return subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def run_here(command: str) -> subprocess.CompletedProcess[str]:
    """Run *command* in this process, where TensorFlow is loaded once for all of them."""
    words = shlex.split(os.path.expandvars(command))
    *words, arrow, file = words if ">" in words else (*words, ">", "")
    assert arrow == ">"
    result = run(*words[1:])
    if file:
        Path(file).write_text(result.stdout)
    return result
