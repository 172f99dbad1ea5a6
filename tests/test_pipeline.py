"""The main job through its one command: killed, resumed, repeated, refused."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from export_pipeline.bundle import Bundle
from export_pipeline.cli import main
from export_pipeline.pipeline import work_folder
from tests import builds

TARGETS = ("mlmodel-int8", "tflite-dynamic")
pytestmark = pytest.mark.usefixtures("measured_here")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, vgg_file: Path, measured_here: None) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    done = builds.run("build", builds.recipe(folder, vgg_file, TARGETS), "-o", folder / "bundle")
    assert done.returncode == 0, done.stderr
    return folder / "bundle"


def same_work(undisturbed: Path, out: Path) -> None:
    """Let a build of *out* go on where the undisturbed one ended, so that it need not train again."""
    shutil.copytree(work_folder(undisturbed), work_folder(out))


def kill_when(process: object, seen: Path, pattern: str, count: int = 1) -> None:
    """Kill -9 as soon as *count* files match; the process must not have ended before."""
    deadline = time.monotonic() + 240
    while len(list(seen.glob(pattern))) < count:
        assert process.poll() is None, process.communicate()  # type: ignore[attr-defined]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)  # type: ignore[attr-defined]
    assert process.wait() == -signal.SIGKILL  # type: ignore[attr-defined]


def test_killed_build_ends_as_the_undisturbed_one(undisturbed: Path, vgg_file: Path, tmp_path: Path) -> None:
    recipe = builds.recipe(tmp_path, vgg_file, TARGETS)
    out, work = tmp_path / "bundle", tmp_path / ".bundle.work"
    kill_when(builds.start("build", recipe, "-o", out), work / "train", "step-00000004*")
    assert not out.exists()
    kill_when(builds.start("build", recipe, "-o", out), work / "compress", "cluster/step-00000002*")
    kill_when(builds.start("build", recipe, "-o", out), work / "export", "tiny-*")
    assert not out.exists()
    finished = builds.run("build", recipe, "-o", out)
    assert finished.returncode == 0, finished.stderr
    assert (out / "manifest.json").read_bytes() == (undisturbed / "manifest.json").read_bytes()
    assert not list(tmp_path.glob(".bundle.*.part"))


def test_bundle_holds_what_the_recipe_asks_for(undisturbed: Path) -> None:
    bundle = Bundle.open(undisturbed)
    assert tuple(model.target for model in bundle.manifest.models) == TARGETS
    assert bundle.check_files() == len([path for path in undisturbed.rglob("*") if path.is_file()])
    report = json.loads((undisturbed / "report.json").read_text())
    layers = {row["name"]: row for row in report["compression"]["layers"]}
    assert {name for name, row in layers.items() if row["bits"] is None} == {"out_conv"}
    assert all(row["values"] <= 2**5 for name, row in layers.items() if name != "out_conv")
    assert layers["up0_conv"]["sparsity"] == pytest.approx(0.6, abs=0.01)
    assert "relative error" in (undisturbed / "report.md").read_text()
    assert {row["target"]: row["status"] for row in report["parity"]} == dict.fromkeys(TARGETS, "passed")


def test_pruned_zeros_reach_every_file(undisturbed: Path) -> None:
    from export_pipeline.report import inspect
    from export_pipeline.train import Checkpoint, restored

    model = restored(Checkpoint.open(undisturbed / "checkpoint.safetensors"))
    kernels = [weight.numpy() for weight in model.weights if len(weight.shape) == 4]
    expected = sorted(int((kernel == 0).sum()) for kernel in kernels)
    assert sum(expected) >= 0.25 * sum(kernel.size for kernel in kernels)
    for target in Bundle.open(undisturbed).manifest.models:
        found = inspect(undisturbed / target.file)
        zeros = [round((1 - row.nonzero_share) * _size(row.shape)) for row in found.contents.weights if row.convolution]
        # A file may have more zeros: weights too small for 8 bits become zero as well.
        assert all(there >= wanted for there, wanted in zip(sorted(zeros), expected, strict=True)), target.file


def test_tables_are_what_the_checkpoint_holds(undisturbed: Path) -> None:
    """A network that is restored has the values that files hold exactly, also with the input scale folded in."""
    from export_pipeline.compress.fold import fold_input_scale
    from export_pipeline.train import Checkpoint, restored

    model = fold_input_scale(restored(Checkpoint.open(undisturbed / "checkpoint.safetensors")))
    for layer in model.layers:
        if layer.name.endswith("_conv") and layer.name != "out_conv":
            kernel = layer.kernel.numpy()
            assert len(np.unique(kernel)) <= 2**5
            np.testing.assert_array_equal(kernel.astype(np.float16).astype(np.float32), kernel)


def test_a_plan_is_made_from_the_network_of_a_build(undisturbed: Path, vgg_file: Path, tmp_path: Path) -> None:
    recipe = builds.recipe(tmp_path, vgg_file, TARGETS)
    path = tmp_path / "plan.toml"
    made = builds.run("plan", recipe, "--bytes", 5000, "-o", path, "--bundle", undisturbed, "--json")
    assert made.returncode == 0, made.stderr
    assert "train 1/" not in made.stderr  # the build has trained and pruned it
    found = json.loads(made.stdout)
    assert 4500 < found["bytes"] <= 5000
    bits = {row["name"]: row["bits"] for row in found["layers"]}
    assert "out_conv" not in bits
    assert len(set(bits.values())) > 1
    recipe.write_text(recipe.read_text().replace("bits = 5", 'plan = "plan.toml"'))
    path.write_text(path.read_text().replace("up1_conv", "up2_conv"))
    refused = builds.run("build", recipe, "-o", tmp_path / "bundle")
    assert refused.returncode == 2
    assert "no convolution 'up2_conv' to cluster; did you mean 'up1_conv'" in refused.stderr


@pytest.mark.parametrize("verb", ["plan", "build"])
def test_bytes_that_no_plan_fits_into_are_refused_before_training(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = builds.recipe(tmp_path, tmp_path / "none.npz", TARGETS)
    recipe.write_text(recipe.read_text().replace("bits = 5", "weight_bytes = 1000"))
    options = ["--bytes", "1000", "--bundle"] if verb == "plan" else ["-o"]
    assert main([verb, str(recipe), *options, str(tmp_path / "bundle")]) == 2
    assert re.search(r"1,000 bytes are too few for the weights: at 1 bit they take 1,\d{3}", capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


def test_a_layer_that_the_network_does_not_have_is_refused_before_training(vgg_file: Path, tmp_path: Path) -> None:
    recipe = builds.recipe(tmp_path, vgg_file, TARGETS)
    recipe.write_text(recipe.read_text().replace('"up*"', '"upp*"'))
    refused = builds.run("build", recipe, "-o", tmp_path / "bundle")
    assert refused.returncode == 2
    assert "compress.layers: 'upp*' matches no convolution" in refused.stderr
    assert not (tmp_path / ".bundle.work").exists()


def _size(shape: tuple[int, ...]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def test_missed_budget_ends_with_1_and_says_by_how_much(undisturbed: Path, vgg_file: Path, tmp_path: Path) -> None:
    more = "[report.budgets.tflite-dynamic]\nbytes = 1000"
    recipe = builds.recipe(tmp_path, vgg_file, ("tflite-dynamic",), more)
    same_work(undisturbed, tmp_path / "bundle")
    result = builds.run("build", recipe, "-o", tmp_path / "bundle")
    assert result.returncode == 1
    assert "train 1/" not in result.stderr
    size = (undisturbed / "tiny-dynamic.tflite").stat().st_size
    assert f"{size - 1000:,}" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "bundle").exists()


def test_checkpoint_of_another_recipe_is_refused(undisturbed: Path, vgg_file: Path, tmp_path: Path) -> None:
    recipe = builds.recipe(tmp_path, vgg_file, TARGETS)
    recipe.write_text(recipe.read_text().replace("alpha = 0.3", "alpha = 0.4"))
    result = builds.run("train", recipe, "-o", tmp_path / "bundle")
    assert result.returncode == 2
    assert "another network" in result.stderr


def test_folder_that_is_no_bundle_is_not_overwritten(vgg_file: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("keep")
    result = builds.run("build", builds.recipe(tmp_path, vgg_file, TARGETS), "-o", tmp_path / "precious")
    assert result.returncode == 2
    assert (tmp_path / "precious" / "file").read_text() == "keep"
