"""Limits against the last release, in a build: `diff` shows the rest of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from export_pipeline.cli import main
from export_pipeline.errors import CheckFailed
from export_pipeline.recipe import Recipe
from export_pipeline.records.signature import Signature, image_to_image, picture, tensor
from export_pipeline.report import Release, check_budgets, make_record, read_release
from export_pipeline.report.regression import Paths, machine_regressions, signature_changes, times_of
from tests.builds import COMMITTED
from tests.small_models import HEIGHT, RECIPE, WIDTH, exported

TARGET = "tflite-fp16"


def limited(release: str = "unused", **limits: Any) -> Recipe:
    """The recipe of the tiny network with limits against a release."""
    return Recipe.parse({**RECIPE.model_dump(), "report": {"regression": {"release": release, **limits}}})


def released(
    folder: Path, recipe: Recipe = RECIPE, release: Release | None = None, files: Path | None = None
) -> Release:
    """A folder with the record of the tiny network's file, and the file."""
    made = exported()
    models = tuple(model for model in made.models if model.target == TARGET)
    record = make_record(made.folder, models, (), made.float_model, recipe, {}, None, release)
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(record.model_dump_json())
    shutil.copy(made.path(TARGET), folder / models[0].file)
    return read_release(folder)


def test_a_record_has_rows_against_the_release(tmp_path: Path) -> None:
    old = released(tmp_path / "old")
    again = released(tmp_path / "new", limited(bytes=0.0, deflated_bytes=0.01, psnr=1.0), old)
    rows = {row.what: row for row in again.record.budgets if row.release is not None or row.what == "psnr"}
    assert {what: row.status for what, row in rows.items()} == {
        "signature changes": "passed",
        "bytes": "passed",  # not one byte more
        "deflated_bytes": "passed",
        "psnr": "skipped",  # it was not verified, and that is no pass
    }
    assert rows["bytes"].limit == rows["bytes"].measured == rows["bytes"].release
    with pytest.raises(CheckFailed, match="psnr: the release has no psnr"):
        check_budgets(list(rows.values()))


def test_speed_and_memory_are_measured_of_both_files_here_and_now(tmp_path: Path) -> None:
    old = released(tmp_path / "old")
    files = {TARGET: exported().path(TARGET)}
    recipe = limited(latency=9.0, peak_memory_bytes=0.5)
    latency, memory = machine_regressions(recipe, old, files, 30, (HEIGHT, WIDTH))
    assert (latency.what, memory.what) == ("latency", "peak_memory_bytes")
    assert latency.status == memory.status == "passed", (latency, memory)
    assert latency.measured is not None
    assert 0.2 < latency.measured < 5  # the same file, on a machine that may be busy
    (tmp_path / "old" / files[TARGET].name).unlink()
    rows = machine_regressions(recipe, old, files, 30, (HEIGHT, WIDTH))
    assert {row.status for row in rows} == {"skipped"}
    assert all("does not lie in" in row.reason for row in rows)


def test_a_file_that_does_not_run_is_no_time(tmp_path: Path) -> None:
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(b"bad")
    found = times_of({TARGET: Paths(bad, exported().path(TARGET))}, 30, (HEIGHT, WIDTH))
    assert "bad.tflite is not a TFLite model" in str(found[TARGET])


def test_changes_of_a_signature_are_told_by_port() -> None:
    old, new = image_to_image(64, 64, "image", "out"), image_to_image(128, 64, "image", "out")
    assert signature_changes(old, old) == ()
    assert [str(change) for change in signature_changes(old, new)] == [
        "input image: shape [1, 64, 64, 3] -> [1, 128, 64, 3]",
        "output out: shape [1, 64, 64, 3] -> [1, 128, 64, 3]",
    ]
    ports = picture("image", 64, 64), tensor("style", (1, 8))
    swapped = [Signature(inputs=order, outputs=(tensor("out", (1, 2)),)) for order in (ports, ports[::-1])]
    assert [str(change) for change in signature_changes(*swapped)] == ["inputs: order image, style -> style, image"]


def test_a_build_reads_the_release_before_it_does_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "mine.toml"
    start = f'[train]\nsteps = 0\nwarm_start = "{COMMITTED / "checkpoint.safetensors"}"\n'
    recipe.write_text(f'name = "mine"\n[model]\nalpha = 0.3\n{start}[report.regression]\nrelease = "nowhere"\n')
    assert main(["build", str(recipe), "-o", str(tmp_path / "out")]) == 2
    assert "cannot read" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.toml"]
