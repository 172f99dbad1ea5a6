"""Every command of the README is run, where a user would run it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from export_pipeline.recipe import Recipe
from export_pipeline.verbs.common import SHIPPED
from tests.builds import ROOT, run

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


COMMANDS = [line.split("  #")[0].strip() for block in blocks("sh") for line in block.splitlines() if line.strip()]
OURS = [command for command in COMMANDS if command.startswith("export-pipeline ")]
# Those that load nothing heavy, each in a process of its own.
IN_A_SHELL = [
    command for command in OURS if command.split()[1] in ("doctor", "list", "report") or ".tflite --json" in command
]
MAKE = [command for command in COMMANDS if command.startswith("make ")]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands use of a clone, so that what they make goes to a temporary place."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("starry_night_small", "starry_night_johnson"):
        shutil.copytree(ROOT / "artifacts" / name, folder / "artifacts" / name)
    return folder


def test_every_command_is_known_here() -> None:
    assert set(COMMANDS) - set(OURS) - set(MAKE) == {"source .venv/bin/activate"}
    assert len(OURS) >= 10


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the README with a shell, `export-pipeline` being this checkout's."""
    bin_ = folder / "bin"
    bin_.mkdir(exist_ok=True)
    script = bin_ / "export-pipeline"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m export_pipeline "$@"\n')
    script.chmod(0o755)
    path = f"{bin_}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path}
    return subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def here(command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the README in this process, where TensorFlow is loaded once for all of them."""
    words = shlex.split(os.path.expandvars(command))
    *words, arrow, file = words if ">" in words else (*words, ">", "")
    assert arrow == ">"
    result = run(*words[1:])
    if file:
        Path(file).write_text(result.stdout)
    return result


def smaller_recipe(folder: Path) -> None:
    """What `export_only` names from here on, for a file goes before a shipped recipe: one target for small images."""
    shipped = (SHIPPED / "export_only.toml").read_text(encoding="utf-8").split("[report.budgets")[0]
    smaller = shipped.replace("../../artifacts", "artifacts").replace("256\n", "64\n").replace("night_256", "night_64")
    (folder / "export_only").write_text(re.sub("targets = .*", 'targets = ["tflite-dynamic"]', smaller))


def test_commands_run_in_order(checkout: Path, vgg_cached: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout)
    built = False
    for command in OURS:
        if command.startswith("export-pipeline build"):
            if built:
                smaller_recipe(checkout)
            built = True
        result = shell(command, checkout) if command in IN_A_SHELL else here(command)
        assert result.returncode == 0, f"{command}\n{result.stderr}"
        assert result.stdout, command
    assert (checkout / "stylized.png").stat().st_size > 10_000
    assert json.loads((checkout / "report.json").read_text())


def test_the_comparison_runs(checkout: Path, vgg_cached: None, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (command,) = (line for block in blocks("bash") for line in block.splitlines())
    assert command.endswith("--last 20")
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("EXPORT_PIPELINE_DATA", str(data))
    result = here(command.removesuffix("20") + "1")
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
