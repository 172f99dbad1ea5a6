"""A build that is run again does again what has changed, says so before, and nothing else."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from export_pipeline.bundle import Bundle
from export_pipeline.cli import main
from export_pipeline.pipeline import work_folder
from tests import builds

TARGETS = ("tflite-dynamic", "onnx-fp32")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, vgg_file: Path) -> Path:
    """A folder with a recipe, its bundle and its work folder, to be copied."""
    folder = tmp_path_factory.mktemp("built")
    result = builds.run("build", builds.recipe(folder, vgg_file, TARGETS), "-o", folder / "bundle")
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "copy")
    return tmp_path / "copy"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edited(folder: Path, old: str, new: str) -> Path:
    path = folder / "tiny.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def outlook(folder: Path) -> dict[str, tuple[str, str]]:
    """What a dry run says of each stage; it must write nothing."""
    before = contents(folder)
    result = builds.run("build", folder / "tiny.toml", "-o", folder / "bundle", "--dry-run", "--json")
    assert result.returncode == 0, result.stderr
    assert contents(folder) == before
    found = json.loads(result.stdout)
    assert not found["up_to_date"]
    return {row["stage"]: (row["what"], row["why"]) for row in found["stages"]}


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
    assert outlook(folder)["train"] == ("keep", "")


def test_a_changed_key_of_compress_costs_no_training_and_a_way_back(folder: Path) -> None:
    manifest = (folder / "bundle" / "manifest.json").read_bytes()
    work = work_folder(folder / "bundle")
    kept = {name: data for name, data in contents(work).items() if name.startswith(("train/", "compress/prune/"))}
    recipe = edited(folder, "bits = 5", "bits = 4")
    said = outlook(folder)
    assert said["train"] == ("keep", "")
    assert said["compress"] == ("redo", "compress.bits was 5 and is 4; prune is kept")
    assert said["export"][0] == "redo"
    result = builds.run("build", recipe, "-o", folder / "bundle")
    assert result.returncode == 0, result.stderr
    assert "train 8/8" not in result.stderr
    assert "cluster: anew, for compress.bits is 5 there and 4 here" in result.stderr
    assert kept.items() <= contents(work).items()
    assert (folder / "bundle" / "manifest.json").read_bytes() != manifest
    recipe = edited(folder, "bits = 4", "bits = 5")
    back = builds.run("build", recipe, "-o", folder / "bundle")
    assert "cluster: what was done for such a recipe before is taken up again" in back.stderr
    assert "cluster 4/4" not in back.stderr
    assert (folder / "bundle" / "manifest.json").read_bytes() == manifest


def test_a_changed_budget_costs_neither_files_nor_their_parity(folder: Path) -> None:
    recipe = folder / "tiny.toml"
    recipe.write_text(recipe.read_text() + "[report.budgets.onnx-fp32]\nbytes = 10_000_000\n")
    said = outlook(folder)
    assert [said[stage][0] for stage in ("train", "compress", "export", "verify")] == ["keep"] * 4
    assert said["report"] == ("redo", "report.budgets was {} and is not set; " + said["report"][1].split("; ", 1)[1])
    result = builds.run("build", recipe, "-o", folder / "bundle")
    assert result.returncode == 0, result.stderr
    assert "verify: kept, for neither files nor samples have changed" in result.stderr
    assert "converting" not in result.stderr
    assert Bundle.open(folder / "bundle").check_files()


def test_nothing_is_done_yet_and_what_would_be_is_said(built: Path, vgg_file: Path, tmp_path: Path) -> None:
    builds.recipe(tmp_path, vgg_file, TARGETS)
    assert {what for what, _ in outlook(tmp_path).values()} == {"do"}
    (tmp_path / ".bundle.work").mkdir()
    for phase in ("train",):
        shutil.copytree(work_folder(built / "bundle") / phase, tmp_path / ".bundle.work" / phase)
    assert outlook(tmp_path)["train"] == ("go on", "after step 8, where it was interrupted")


def test_clean_removes_work_folders_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work, before = work_folder(folder / "bundle"), contents(folder / "bundle")
    (folder / ".mine.work").mkdir()  # by its name alone nothing is one
    assert main(["clean", str(folder / "bundle"), "--dry-run"]) == 0
    assert work.is_dir()
    assert main(["clean", str(folder / "bundle"), str(folder / ".mine.work"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out.split("bytes\n", 1)[1])
    assert [row["folder"] for row in rows] == [str(work)]
    assert rows[0]["bytes"] > 100_000
    assert not work.exists()
    assert (folder / ".mine.work").is_dir()
    assert contents(folder / "bundle") == before
    assert main(["clean", str(folder / "nothing")]) == 2
    assert "no recipe, no bundle and no work folder" in capsys.readouterr().err
