"""A build that is run again does again what has changed, says so before, and nothing else."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from export_pipeline.bundle import MANIFEST, Bundle
from export_pipeline.cli import main
from export_pipeline.recipe import Recipe
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.parity import ParityResult
from export_pipeline.stage_adapters import checked_task
from export_pipeline.work.folder import work_folder
from export_pipeline.work.parity import KeptParity, measured
from tests import builds
from tests.work.material import build, contents, edited, outlook

TARGETS = ("onnx-fp32",)
# No training, and no style that is known: what is built and reported takes little.
TAKEN_OVER = f"""
name = "tiny"
[train]
warm_start = "{builds.COMMITTED / "checkpoint.safetensors"}"
steps = 0
[compress]
bits = 5
[export]
height = 64
width = 64
targets = ["onnx-fp32"]
[verify]
images = 1
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, measured_here: None) -> Path:
    """A folder with a recipe, its bundle and its work folder, to be copied."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "tiny.toml").write_text(TAKEN_OVER)
    build(folder)
    return folder


def test_an_unchanged_build_is_up_to_date_and_takes_seconds(folder: Path) -> None:
    words = ("build", folder / "tiny.toml", "-o", folder / "bundle")
    before = contents(folder)
    assert "up to date: nothing would be done" in builds.run(*words, "--dry-run").stdout
    shutil.rmtree(work_folder(folder / "bundle"))  # it is the bundle that tells
    begun = time.process_time()
    result = builds.run(*words)
    assert time.process_time() - begun < 20
    assert result.returncode == 0
    assert "up to date" in result.stdout
    assert "train" not in result.stderr
    after = contents(folder)
    assert {name: data for name, data in after.items() if name.startswith("bundle/")} == {
        name: data for name, data in before.items() if name.startswith("bundle/")
    }


def test_a_byte_that_has_changed_is_not_up_to_date(folder: Path) -> None:
    report = folder / "bundle" / "report.md"
    report.write_bytes(report.read_bytes() + b" ")
    said = outlook(folder)
    assert [said[stage][0] for stage in ("train", "compress", "export")] == ["keep"] * 3
    assert said["report"] == ("redo", "the bundle is not there, or not as it was built")


def test_what_would_be_done_is_said_with_its_reason(folder: Path) -> None:
    edited(folder, "bits = 5", "bits = 4")
    said = outlook(folder)
    assert said["train"] == ("keep", "")
    assert said["compress"] == ("redo", "compress.bits was 5 and is 4")
    assert said["export"] == (
        "redo",
        "after compress, whose result it takes; files whose network stays the same are kept",
    )
    assert {said[stage][0] for stage in ("verify", "report")} == {"redo"}
    edited(folder, "bits = 4", "bits = 5")
    edited(folder, "images = 1", "images = 2")
    said = outlook(folder)
    assert [said[stage][0] for stage in ("train", "compress", "export")] == ["keep"] * 3
    assert said["verify"] == ("redo", "verify.images was 1 and is 2")
    edited(folder, "images = 2", "images = 1")
    recipe = folder / "tiny.toml"
    recipe.write_text(recipe.read_text() + "[report]\nruns = 31\n")
    assert outlook(folder)["report"] == ("redo", "report.runs was 30 and is 31")


def test_a_network_that_was_taken_over_is_known_by_its_hash_in_bundles_of_earlier_versions(folder: Path) -> None:
    shutil.rmtree(work_folder(folder / "bundle"))
    edited(folder, "images = 1", "images = 2")
    manifest = Bundle.open(folder / "bundle").manifest

    def told(provenance: dict[str, str]) -> tuple[str, str]:
        older = manifest.model_copy(update={"sources": {}, "provenance": provenance})
        (folder / "bundle" / MANIFEST).write_text(older.sealed())
        return outlook(folder)["train"]

    assert told(manifest.provenance) == ("keep", "taken from the bundle, which has no hashes of photographs")
    what, why = told({**manifest.provenance, "parent_sha256": "0"})
    assert what == "do"
    assert why.endswith("the network of the bundle is not taken: the content of warm_start has changed")


def test_a_changed_key_of_compress_costs_no_training_and_leaves_a_way_back(vgg_file: Path, tmp_path: Path) -> None:
    recipe = builds.recipe(tmp_path, vgg_file, TARGETS)
    words = ("compress", recipe, "-o", tmp_path / "bundle")
    work = work_folder(tmp_path / "bundle")
    assert {what for what, _ in outlook(tmp_path).values()} == {"do"}
    assert builds.run(*words).returncode == 0
    first = (work / "checkpoint.safetensors").read_bytes()
    kept = {name: data for name, data in contents(work).items() if name.startswith(("train/", "compress/prune/"))}
    assert kept

    edited(tmp_path, "bits = 5", "bits = 4")
    said = outlook(tmp_path)
    assert said["train"] == ("keep", "")
    assert said["compress"] == ("redo", "compress.bits was 5 and is 4; prune is kept")
    changed = builds.run(*words)
    assert changed.returncode == 0, changed.stderr
    assert "train 8/8" not in changed.stderr
    assert "prune 6/6" not in changed.stderr
    assert "cluster: anew, for compress.bits is 5 there and 4 here" in changed.stderr
    assert kept.items() <= contents(work).items()
    assert (work / "checkpoint.safetensors").read_bytes() != first

    edited(tmp_path, "bits = 4", "bits = 5")
    back = builds.run(*words)
    assert "cluster: what was done for such a recipe before is taken up again" in back.stderr
    assert "cluster 4/4" not in back.stderr
    assert (work / "checkpoint.safetensors").read_bytes() == first


def lacking(work: Path, *keys: str) -> None:
    """Take *keys*, and those in tables of these names, out of what decided the stages in *work*."""
    path = work / "stages.json"
    found = json.loads(path.read_text())
    old = {
        stage: {key: value for key, value in rows.items() if not f"{key}.".startswith(tuple(f"{k}." for k in keys))}
        for stage, rows in found.items()
    }
    assert all(any(f"{key}.".startswith(f"{gone}.") for rows in found.values() for key in rows) for gone in keys)
    path.write_text(json.dumps(old))


def test_what_a_version_with_fewer_keys_has_made_is_kept(folder: Path) -> None:
    work = work_folder(folder / "bundle")
    (folder / "bundle" / "report.md").unlink()
    lacking(work, "train.ema", "train.polish", "model.blocks_kind", "compress.quantize", "compress.structured")
    lacking(work, "export.calibration_images", "verify.stress", "report.regression", "about")
    said = outlook(folder)
    assert [said[stage] for stage in ("train", "compress", "export")] == [("keep", "")] * 3
    assert said["verify"] == ("redo", "what was skipped or failed is looked at again")
    with (folder / "tiny.toml").open("a") as file:
        file.write("stress = false\n[about]\nauthor = 'A. Painter'\n")
    said = outlook(folder)
    assert said["export"] == ("redo", 'about.author was not set and is "A. Painter"')
    assert said["verify"] == ("redo", "verify.stress was true and is false")


def test_a_key_that_there_is_no_more_is_a_change(folder: Path) -> None:
    (folder / "bundle" / "report.md").unlink()
    path = work_folder(folder / "bundle") / "stages.json"
    found = json.loads(path.read_text())
    found["compress"]["compress.dither"] = True
    path.write_text(json.dumps(found))
    assert outlook(folder)["compress"] == ("redo", "compress.dither was true and is not set")


def test_a_training_of_a_version_with_fewer_keys_goes_on(vgg_file: Path, tmp_path: Path) -> None:
    recipe = builds.recipe(tmp_path, vgg_file, TARGETS)
    words, work = ("train", recipe, "-o", tmp_path / "bundle"), work_folder(tmp_path / "bundle")
    assert builds.run(*words).returncode == 0
    lacking(work, "train.stability_weight")
    for path in (work / "train").glob("*.safetensors"):
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            about = json.loads(file.metadata()["checkpoint"])
        del about["recipe"]["train"]["stability_weight"]
        path.write_bytes(save(tensors, metadata={"checkpoint": json.dumps(about)}))
    before = contents(work / "train")
    assert outlook(tmp_path)["train"] == ("keep", "")
    again = builds.run(*words)
    assert again.returncode == 0, again.stderr
    assert "train 8/8" not in again.stderr
    assert contents(work / "train") == before
    edited(tmp_path, "steps = 8", "steps = 8\nstability_weight = 0.1")
    why = "train.stability_weight was 0.0 and is 0.1"
    assert outlook(tmp_path)["train"] == ("redo", why)


def row(**other: Any) -> ParityResult:
    about = {"target": "onnx-fp32", "file": "a.onnx", "images": 1, "min_psnr": 60, "psnr": 99.0}
    return ParityResult.model_validate({**about, "status": "passed", "quality": "measured", **other})


class Network:
    """All that is looked at of a float network."""

    def __init__(self, value: float) -> None:
        self.value = value

    def get_weights(self) -> list[np.ndarray]:
        return [np.full(3, self.value, np.float32)]


def test_a_row_is_kept_while_nothing_that_decides_it_has_changed(tmp_path: Path) -> None:
    def kept(value: float = 1.0, images: int = 1) -> KeptParity:
        return KeptParity(tmp_path, checked_task(Recipe.parse({"verify": {"images": images}})), Network(value))

    def file(target: str = "onnx-fp32", sha256: str = "ab") -> ExportedModel:
        about = {"target": target, "file": "a.onnx", "checkpoint_sha256": "", "sha256": {"a": sha256}}
        signature = checked_task(Recipe.parse({})).signature
        return ExportedModel.model_validate({**about, "signature": signature})

    other = "tflite-fp16"
    assert kept().read(file()) is None
    kept().write(file(), row())
    assert kept().read(file()) == row()
    for changed in (
        kept(value=2.0).read(file()),
        kept(images=2).read(file()),
        kept().read(file(sha256="cd")),
        kept().read(file(other, "ef")),
        kept().read(file("onnx-fp32@64x96")),  # a flexible file at another size
    ):
        assert changed is None
    kept().write(file(other, "ef"), row(target=other))
    assert (kept().read(file()), kept().read(file(other, "ef"))) == (row(), row(target=other))
    assert measured(tmp_path)
    for again in (row(quality="skipped", quality_reason="no judge"), row(status="failed", reason="low")):
        kept().write(file(), again)
        assert kept().read(file()) is None
        assert not measured(tmp_path)
    (tmp_path / "verify.json").write_text("{")
    assert kept().read(file()) is None


def test_clean_removes_work_folders_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work, before = work_folder(folder / "bundle"), contents(folder / "bundle")
    (folder / ".mine.work").mkdir()  # by its name alone nothing is one
    assert main(["clean", str(folder / "bundle"), "--dry-run"]) == 0
    assert work.is_dir()
    assert main(["clean", str(folder / "bundle"), str(folder / ".mine.work"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out.split("bytes\n", 1)[1])
    assert [row["folder"] for row in rows] == [str(work)]
    assert rows[0]["bytes"] > 10_000
    assert not work.exists()
    assert (folder / ".mine.work").is_dir()
    assert contents(folder / "bundle") == before
    assert main(["clean", str(folder / "nothing")]) == 2
    assert "no recipe, no bundle and no work folder" in capsys.readouterr().err
