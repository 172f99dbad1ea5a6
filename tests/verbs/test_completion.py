"""``completion``: what shells complete with the script that it prints."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from export_pipeline.cli import main
from export_pipeline.targets import TARGETS
from export_pipeline.verbs import NAMES
from export_pipeline.verbs.common import SHIPPED

RECIPES = {path.stem for path in SHIPPED.glob("*.toml")}
needs_shtab = pytest.mark.skipif(importlib.util.find_spec("shtab") is None, reason="shtab is not installed")
# What of a command line is there, and what must and must not be offered after it.
CASES = [
    (["comp"], {"compress", "compare", "completion"}, {"build"}),
    (["verify", "--j"], {"--json", "--junit"}, {"--fresh"}),
    (["completion", ""], {"bash", "zsh", "fish"}, {"build"}),
    (["stylize", "a.onnx", "b.png", "--method", ""], {"model", "gatys"}, {"here.toml"}),
    (["build", ""], {"here.toml", "some", *RECIPES}, {"doctor"}),
    (["app", "some", "--target", "tflite"], {name for name in TARGETS if name.startswith("tflite")}, {"here.toml"}),
    (["inspect", "h"], {"here.toml"}, {"some"}),
    (["diff", "some", "new", "--limits", "star"], {name for name in RECIPES if name.startswith("star")}, set()),
    (["build", "-o", ""], {"some"}, {"here.toml", *RECIPES}),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here.toml").touch()
    (tmp_path / "some").mkdir()
    return tmp_path


def script(shell: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["completion", shell]) == 0
    path = folder / f".script.{shell}"
    path.write_text(capsys.readouterr().out)
    return path


def program(shell: str) -> str:
    """Where *shell* lies; the test is skipped where it does not."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    return found


def told(command: list[str], folder: Path) -> set[str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return {line.split("\t")[0].rstrip("/ ") for line in done.stdout.splitlines()}


@needs_shtab
@pytest.mark.parametrize(("words", "wanted", "unwanted"), CASES, ids=[" ".join(case[0]) for case in CASES])
def test_bash_completes(
    words: list[str], wanted: set[str], unwanted: set[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bash, path = program("bash"), script("bash", folder, capsys)
    asks = (
        'source "$1"; shift; COMP_WORDS=(export-pipeline "$@"); COMP_CWORD=$#; '
        "by=($(complete -p export-pipeline)); while [[ ${by[0]} != -F ]]; do by=(${by[@]:1}); done; "
        "${by[1]}; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    found = told([bash, "--norc", "-c", asks, "bash", path.name, *words], folder)
    assert wanted <= found
    assert not unwanted & found


@needs_shtab
@pytest.mark.parametrize(("words", "wanted", "unwanted"), CASES, ids=[" ".join(case[0]) for case in CASES])
def test_fish_completes(
    words: list[str], wanted: set[str], unwanted: set[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fish, path = program("fish"), script("fish", folder, capsys)
    line = " ".join(["export-pipeline", *words])
    found = told([fish, "--no-config", "-c", f"source {path.name}; complete -C '{line}'"], folder)
    assert wanted <= found
    assert not unwanted & found


@needs_shtab
def test_zsh_takes_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zsh, path = program("zsh"), script("zsh", folder, capsys)
    done = subprocess.run([zsh, "-f", "-n", path.name], cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    text = path.read_text()
    for name in (*NAMES, *RECIPES, "_files -/"):
        assert name in text


@needs_shtab
def test_the_script_comes_as_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    text = capsys.readouterr().out
    assert main(["completion", "bash", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"shell": "bash", "script": text}


def test_without_shtab_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert capsys.readouterr().err == (
        "export-pipeline: completion needs shtab, which is not installed; pip install 'shtab>=1.7' brings it.\n"
    )
