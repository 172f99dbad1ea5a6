"""Without its work folder, a build takes the trained and compressed network out of the bundle that it replaces."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from export_pipeline.base.files import write_text
from export_pipeline.bundle import CHECKPOINT, MANIFEST, Bundle
from export_pipeline.report import read_report
from export_pipeline.work.folder import work_folder
from tests import builds
from tests.work.material import contents, edited, outlook

TARGETS = ("onnx-fp32", "tflite-int8", "mlmodel-palettized")
TRAINED = ("train 8/8", "prune 6/6", "cluster 4/4", "quantize 2/2")
TAKEN = "taken from the bundle"
# Tables, zeros and trained ranges: all that compression hands on.
ROUNDING = """[compress.quantize]
steps = 2
learning_rate = 1e-5
"""


@pytest.fixture(scope="module")
def built(vgg_file: Path, tmp_path_factory: pytest.TempPathFactory, measured_here: None) -> Path:
    """A folder with a recipe, its style and its bundle, without a work folder; to be copied."""
    folder = tmp_path_factory.mktemp("released")
    builds.recipe(folder, vgg_file, TARGETS, ROUNDING)
    shutil.copy(builds.COMMITTED / "golden/float.png", folder / "style.png")
    edited(folder, f"{builds.COMMITTED}/golden/float.png", "style.png")
    edited(folder, "bits = 5", "bits = 5\nquantize_aware = true")
    result = builds.run("build", folder / "tiny.toml", "-o", folder / "bundle")
    assert result.returncode == 0, result.stderr
    assert all(line in result.stderr for line in TRAINED)
    shutil.rmtree(work_folder(folder / "bundle"))
    return folder


def refused(folder: Path, why: str) -> None:
    """The dry run says that all is done anew, and *why* nothing is taken from the bundle."""
    said = outlook(folder)
    assert said["train"] == ("do", f"it has not been done yet; the network of the bundle is not taken: {why}")
    assert {said[stage][0] for stage in ("compress", "export", "verify", "report")} == {"do"}


def test_a_target_is_added_without_any_training(folder: Path) -> None:
    edited(folder, '"onnx-fp32"', '"onnx-fp32", "tflite-fp16"')
    said = outlook(folder)
    assert said["train"] == said["compress"] == ("keep", TAKEN)
    assert {said[stage] for stage in ("export", "verify", "report")} == {("do", "it has not been done yet")}

    bundle = folder / "bundle"
    before, was, did = contents(bundle), Bundle.open(bundle).manifest, read_report(bundle).record.compression
    result = builds.run("build", folder / "tiny.toml", "-o", bundle)
    assert result.returncode == 0, result.stderr
    assert f"train, compress: {TAKEN}" in result.stderr
    assert not any(line in result.stderr for line in TRAINED)
    after, now = contents(bundle), Bundle.open(bundle).manifest
    made = [name for name in before if name.startswith(("tiny-", "golden/", CHECKPOINT))]
    assert len(made) == len(TARGETS) + 3
    assert {name: after[name] for name in made} == {name: before[name] for name in made}
    assert "tiny-fp16.tflite" in after
    assert (now.provenance, now.sources) == (was.provenance, was.sources)
    assert was.sources["train"]
    assert read_report(bundle).record.compression == did

    with (folder / "tiny.toml").open("a") as file:
        file.write("[report]\nruns = 31\n")
    said = outlook(folder)
    assert said["train"] == said["compress"] == ("keep", TAKEN)
    assert [said[stage] for stage in ("export", "verify")] == [("keep", "")] * 2
    assert said["report"] == ("redo", "report.runs was 30 and is 31")


def test_a_changed_key_of_the_training_trains_again(folder: Path) -> None:
    edited(folder, "steps = 8", "steps = 9")
    refused(folder, "train.steps was 8 and is 9")
    result = builds.run("compress", folder / "tiny.toml", "-o", folder / "bundle")
    assert "the network of the bundle is not taken: train.steps was 8 and is 9" in result.stderr
    assert "train 9/9" in result.stderr
    edited(folder, "steps = 9", "steps = 8")
    edited(folder, "images = 1", "images = 2")
    said = outlook(folder)
    assert said["train"] == said["compress"] == ("keep", TAKEN)
    assert said["export"] == ("do", "it has not been done yet")  # what lies there is of the other network


def test_fresh_takes_nothing(folder: Path) -> None:
    result = builds.run("compress", folder / "tiny.toml", "-o", folder / "bundle", "--fresh")
    assert result.returncode == 0, result.stderr
    assert TAKEN not in result.stderr
    assert all(line in result.stderr for line in TRAINED)
    anew = work_folder(folder / "bundle") / CHECKPOINT
    assert anew.read_bytes() == (folder / "bundle" / CHECKPOINT).read_bytes()


def test_what_decides_the_network_decides_whether_it_is_taken(folder: Path) -> None:
    edited(folder, "bits = 5", "bits = 4")
    refused(folder, "compress.bits was 5 and is 4")
    edited(folder, "bits = 4", "bits = 5")
    style = (folder / "style.png").read_bytes()
    shutil.copy(builds.COMMITTED / "golden/photo.png", folder / "style.png")
    refused(folder, "the content of style has changed")
    (folder / "style.png").write_bytes(style)
    edited(folder, "checkpoint_every = 2", "checkpoint_every = 3")
    edited(folder, "images = 1", "images = 2")
    assert outlook(folder)["train"] == ("keep", TAKEN)


def test_a_damaged_network_is_not_taken(folder: Path) -> None:
    path = folder / "bundle" / CHECKPOINT
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused(folder, f"{CHECKPOINT} has changed")
    path.unlink()
    refused(folder, f"{CHECKPOINT} is not there")
    path.write_bytes(whole)
    report = folder / "bundle" / "report.json"
    report.write_text(report.read_text() + " ")
    refused(folder, "report.json has changed")


def test_a_bundle_of_an_earlier_version_says_what_it_has_no_hashes_of(folder: Path) -> None:
    edited(folder, "images = 1", "images = 2")
    manifest = Bundle.open(folder / "bundle").manifest
    write_text(folder / "bundle" / MANIFEST, manifest.model_copy(update={"sources": {}}).sealed())
    assert outlook(folder)["train"] == ("keep", f"{TAKEN}, which has no hashes of warm_start, vgg_weights")
    shutil.copy(builds.COMMITTED / "golden/photo.png", folder / "style.png")
    refused(folder, "the content of style has changed")
