"""Every command of the README is run, where a user would run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from export_pipeline.recipe import Recipe
from tests.builds import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


COMMANDS = [line.split("  #")[0].strip() for block in blocks("sh") for line in block.splitlines() if line.strip()]
OURS = [command for command in COMMANDS if command.startswith("export-pipeline ")]
MAKE = [command for command in COMMANDS if command.startswith("make ")]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands use of a clone, so that what they make goes to a temporary place."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "artifacts" / "starry_night_small", folder / "artifacts" / "starry_night_small")
    return folder


def test_every_command_is_known_here() -> None:
    assert set(COMMANDS) - set(OURS) - set(MAKE) == {"source .venv/bin/activate"}
    assert len(OURS) >= 10


def shell(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the README with `export-pipeline` being this checkout's."""
    bin_ = folder / "bin"
    bin_.mkdir(exist_ok=True)
    script = bin_ / "export-pipeline"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m export_pipeline "$@"\n')
    script.chmod(0o755)
    environment = {
        **os.environ,
        **variables,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
    }
    return subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_commands_run_in_order(checkout: Path, vgg_cached: None) -> None:
    for command in OURS:
        result = shell(command, checkout)
        assert result.returncode == 0, f"{command}\n{result.stderr}"
        assert result.stdout or ">" in command, command
    assert (checkout / "stylized.png").stat().st_size > 10_000


def test_the_comparison_runs(checkout: Path, vgg_cached: None, data: Path) -> None:
    (command,) = (line for block in blocks("bash") for line in block.splitlines())
    assert command.endswith("--last 20")
    result = shell(command.removesuffix("20") + "1", checkout, EXPORT_PIPELINE_DATA=str(data))
    assert result.returncode == 0, result.stderr
    assert "fritz_starry_night_640x480_a025.tflite" in result.stdout


def test_python_example_runs(checkout: Path) -> None:
    (example,) = blocks("python")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", example], cwd=checkout, env=environment, check=True)
    assert (checkout / "stylized.png").is_file()


def test_recipe_example_is_a_recipe(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    (tmp_path / "mosaic.toml").write_text(example)
    assert Recipe.load(tmp_path / "mosaic.toml").name == "mosaic"


@pytest.mark.parametrize("command", MAKE)
def test_make_targets_exist(command: str) -> None:
    subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
