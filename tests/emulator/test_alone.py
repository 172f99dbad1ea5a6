"""The extra ``emulator`` is enough for Core ML files: no TensorFlow, no Keras, none of our networks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builds import COMMITTED
from tests.test_architecture import distributions, imported_distributions, project

ROOT = Path(__file__).parents[2]
PHOTO = COMMITTED / "golden" / "photo.png"
# What only the extra `all` brings, by the names that are imported.
ABSENT = (
    "ai_edge_litert",
    "h5py",
    "matplotlib",
    "safetensors",
    "scipy",
    "skimage",
    "sklearn",
    "tensorflow",
    "tensorflow_model_optimization",
    "tf2onnx",
    "threadpoolctl",
    "tf_keras",
)

RUN = f"""
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.split(".")[0])

sys.meta_path.insert(0, Absent())
from export_pipeline.cli import main
for number, line in enumerate(open(sys.argv[1]).read().splitlines()):
    assert main(line.split("\\t")) == 0, line
"""


def test_what_is_absent_is_all_that_the_extra_does_not_bring() -> None:
    extras = project()["optional-dependencies"]
    brought = distributions(project()["dependencies"] + extras["emulator"])
    assert imported_distributions(set(ABSENT)) == distributions(extras["all"]) - brought


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself runs there")
def test_the_verbs_for_core_ml_files_need_no_tensorflow(tmp_path: Path) -> None:
    program, network = (str(next(COMMITTED.glob(f"*int8.{suffix}"))) for suffix in ("mlpackage", "mlmodel"))
    lines = [
        ["inspect", program, network],
        ["predict", program, "--input", f"image={PHOTO}", "-o", str(tmp_path / "a.png")],
        ["stylize", network, str(PHOTO), "-o", str(tmp_path / "b.png"), "--json"],
    ]
    (tmp_path / "lines").write_text("\n".join("\t".join(line) for line in lines))
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "lines")], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "a.png").stat().st_size > 0
    assert json.loads(done.stdout[done.stdout.rindex("{") :])["output"] == str(tmp_path / "b.png")
