"""A U-Net on built-in pictures through the command line: built, verified, measured, swept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from export_pipeline import sweep as sweeping
from export_pipeline.bundle import Bundle, read_golden
from tests import builds
from tests.sweep.material import jobs_here

TARGETS = ("tflite-dynamic", "mlpackage-int8", "onnx-fp32")
RECIPE = """
name = "coins"
task = "segmentation"
[model]
alpha = 0.25
[train]
crop = 64
short_side = [1.0, 1.0]
beta = 0.7
steps = 60
batch_size = 4
learning_rate = 0.02
ema = 0.8
[compress]
schedule = "constant"
final_sparsity = 0.3
end_step = 2
frequency = 1
steps = 6
learning_rate = 1e-3
[compress.structured]
rounds = 1
filters = 0.1
steps = 4
[export]
height = 64
width = 64
targets = ["tflite-dynamic", "mlpackage-int8", "onnx-fp32"]
[verify]
images = 2
[report.budgets.tflite-dynamic]
dice = 0.8
bytes = 60000
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, measured_here: None) -> Path:
    folder = tmp_path_factory.mktemp("coins")
    (folder / "coins.toml").write_text(RECIPE)
    done = builds.run("build", folder / "coins.toml", "-o", folder / "bundle")
    assert done.returncode == 0, done.stderr
    assert "structured-0" in done.stderr
    return folder / "bundle"


def test_a_bundle_has_a_file_for_each_target_and_can_be_verified(bundle: Path) -> None:
    manifest = Bundle.open(bundle).manifest
    assert tuple(model.target for model in manifest.models) == TARGETS
    assert manifest.recipe.task == "segmentation"
    assert "images_sha256" in manifest.provenance
    done = builds.run("verify", bundle, "--json")
    assert done.returncode == 0, done.stderr
    assert [(row["target"], row["status"]) for row in json.loads(done.stdout)] == [(t, "passed") for t in TARGETS]


def test_a_core_ml_file_tells_the_task(bundle: Path) -> None:
    from coremltools.proto import Model_pb2

    model = bundle / "coins-int8.mlpackage/Data/com.apple.CoreML/model.mlmodel"
    metadata = Model_pb2.Model.FromString(model.read_bytes()).description.metadata
    assert metadata.shortDescription == "Segmentation, image to mask"


def test_masks_are_found_and_every_file_finds_them(bundle: Path) -> None:
    rows = json.loads((bundle / "report.json").read_text())["parity"]
    assert [row["target"] for row in rows] == list(TARGETS)
    for row in rows:
        assert row["dice"] == pytest.approx(row["float_dice"], abs=0.03)
        assert row["dice"] > 0.8 > row["baseline_dice"]
        assert row["foreground_share"] == pytest.approx(row["float_foreground_share"], rel=0.02)
        assert row["ssim"] is None


def test_the_report_shows_metrics_budgets_and_pictures(bundle: Path) -> None:
    page = (bundle / "report.md").read_text()
    assert "| Tversky | Dice | IoU | foreground |" in page
    assert "| constant mask |" in page
    assert "| tflite-dynamic | dice | at least 0.8 |" in page
    assert (bundle / "picture.jpg").stat().st_size > 1000


def test_the_golden_sample_is_a_picture_and_its_mask(bundle: Path) -> None:
    inputs, outputs = read_golden(Bundle.open(bundle))
    assert {name: (array.shape, array.dtype) for name, array in inputs.items()} == {
        "image": ((64, 64, 3), np.uint8),
    }
    (mask,) = outputs.values()
    assert mask.shape == (64, 64, 1)
    assert 0.1 < (mask >= 0.5).mean() < 0.7


def test_a_changed_mask_is_noticed(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    path = copy / "golden" / "outputs.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    done = builds.run("verify", copy)
    assert done.returncode == 1
    assert "golden/outputs.npz has changed" in done.stderr


def test_a_sweep_compares_points_by_the_metrics_of_the_task(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "run_jobs", jobs_here)
    recipe = tmp_path / "coins.toml"
    text = RECIPE.split("[model]")[0] + "[train]" + RECIPE.split("[train]")[1].split("[compress]")[0]
    warm = f'steps = 0\nwarm_start = "{bundle / "checkpoint.safetensors"}"'
    export = '[export]\nheight = 64\nwidth = 64\ntargets = ["onnx-fp32"]\n[verify]\nimages = 2\n'
    recipe.write_text(text.replace("steps = 60", warm) + export)
    out = tmp_path / "sweep"
    done = builds.run("sweep", recipe, "--set", "compress.bits=8,2", "-o", out, "--jobs", "1")
    assert done.returncode == 0, done.stderr
    points = json.loads((out / "sweep.json").read_text())["points"]
    fine, coarse = (point["result"]["files"][0] for point in points)
    assert fine["dice"] > 0.8
    assert fine["psnr"] > coarse["psnr"]
    drawn = {path.name for path in out.glob("pareto_*.png")}
    assert drawn == {"pareto_Tversky.png", "pareto_Dice.png", "pareto_IoU.png", "pareto_parity.png"}
    assert "| Tversky | Dice | IoU | foreground |" in (out / "sweep.md").read_text()
