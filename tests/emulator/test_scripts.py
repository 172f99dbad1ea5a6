"""A script written for a Mac runs here, not a letter changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.builds import COMMITTED

SCRIPT = Path(__file__).with_name("mac_script.py")
ROOT = SCRIPT.parents[2]
MODEL = next(COMMITTED.glob("*int8.mlpackage"))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TQDM_DISABLE": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself is there")
def test_a_script_for_a_mac_runs_unchanged(tmp_path: Path) -> None:
    photo, out = COMMITTED / "golden" / "photo.png", tmp_path / "out.png"
    # MLModel writes the manifest of a package anew when it opens one.
    model = shutil.copytree(MODEL, tmp_path / MODEL.name)
    done = run("-m", "export_pipeline.emulator", str(SCRIPT), str(model), str(photo), str(out))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["picture (480, 640) RGBA", "label dog 0.84", "state 6.0 6.0"]
    assert Image.open(out).size == (480, 640)


@pytest.mark.parametrize("arguments", [[], ["none.py"]])
def test_a_missing_script_is_said(arguments: list[str]) -> None:
    done = run("-m", "export_pipeline.emulator", *arguments)
    assert done.returncode == 2
    assert "SCRIPT [ARGUMENTS]" in done.stderr
    assert len(done.stderr.splitlines()) == 1
