"""A build of several sizes: every file is named, verified, measured and limited, and the first size is as it was."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from export_pipeline.base.files import files_of
from export_pipeline.bundle import Bundle
from export_pipeline.cli import main
from export_pipeline.report import Report, read_report
from tests import builds

ONE = f"""
name = "tiny"
[train]
warm_start = "{builds.COMMITTED / "checkpoint.safetensors"}"
steps = 0
[export]
{{size}}
targets = ["onnx-fp32", "tflite-int8"]
calibration_images = 2
[verify]
images = 1
[verify.min_psnr]
tflite-int8 = 10
{{more}}
"""
FILES = ["tiny-fp32.onnx", "tiny-int8.tflite"]
FURTHER = ["tiny-64x96-fp32.onnx", "tiny-64x96-int8.tflite"]
TARGETS = ["onnx-fp32", "tflite-int8", "onnx-fp32@64x96", "tflite-int8@64x96"]
LIMITS = """[report.budgets.tflite-int8]
bytes = 1000000
["report".budgets."tflite-int8@64x96"]
bytes = 1000001
peak_memory_bytes = 8000000000
"""


def built(folder: Path, size: str, more: str = "") -> Path:
    folder.mkdir()
    (folder / "tiny.toml").write_text(ONE.format(size=size, more=more))
    result = builds.run("build", folder / "tiny.toml", "-o", folder / "bundle")
    assert result.returncode == 0, result.stderr
    return folder / "bundle"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, measured_here: None) -> tuple[Path, Path]:
    """Bundles of one size, and of it and a further one."""
    folder = tmp_path_factory.mktemp("sizes")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("EXPORT_PIPELINE_DATA", raising=False)
        one = built(folder / "one", "height = 64\nwidth = 64")
        return one, built(folder / "two", 'sizes = ["64x64", "64x96"]', LIMITS)


@pytest.fixture
def report(both: tuple[Path, Path]) -> Report:
    return read_report(both[1])


def test_the_files_of_the_first_size_are_those_of_a_recipe_of_it_alone(both: tuple[Path, Path]) -> None:
    one, two = both
    same = [*FILES, "golden/photo.png", "golden/float.png"]
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in same)
    assert "sizes" not in (one / "manifest.json").read_text()


def test_each_file_is_named_after_its_size_and_takes_it(both: tuple[Path, Path]) -> None:
    models = Bundle.open(both[1]).manifest.models
    assert [model.target for model in models] == TARGETS
    assert [model.file for model in models] == [*FILES, *FURTHER]
    assert [model.signature.inputs[0].size for model in models] == [(64, 64)] * 2 + [(64, 96)] * 2
    assert {path.relative_to(both[1]).as_posix() for path in files_of(both[1] / "golden")} == {
        *("golden/photo.png", "golden/float.png", "golden/64x96/photo.png", "golden/64x96/float.png")
    }


def test_each_has_rows_of_its_own(both: tuple[Path, Path], report: Report) -> None:
    record, measured = report.record, report.benchmark
    assert [row.target for row in record.files] == TARGETS
    parity = {row.target: row for row in record.parity}
    assert list(parity) == TARGETS
    assert all(row.status == "passed" and row.psnr for row in parity.values())
    assert parity["tflite-int8@64x96"].min_psnr == parity["tflite-int8"].min_psnr == 10
    assert parity["tflite-int8@64x96"].psnr != parity["tflite-int8"].psnr
    for file, size in ((FILES[1], (64, 64)), (FURTHER[1], (64, 96))):
        row = measured.latency_of(file)
        assert row is not None
        assert (row.height, row.width) == size
        assert measured.fps_ratio(file) == (row.ratio.median if row.ratio else None)
        assert row.ratio is not None
        assert measured.memory_of(file) is not None
    assert [row.height for row in measured.latency if row.file == measured.float_file and row.threads == 1] == [64]
    text = (both[1] / "report.md").read_text()
    assert all(re.search(rf"^\| {re.escape(target)} \|.* PASSED \|$", text, re.M) for target in TARGETS)


def test_each_is_limited_by_its_own_name(report: Report) -> None:
    rows = [(row.target, row.what, row.limit, row.status) for row in report.budgets]
    assert rows == [
        ("tflite-int8", "bytes", 1_000_000, "passed"),
        ("tflite-int8@64x96", "bytes", 1_000_001, "passed"),
        ("tflite-int8@64x96", "peak_memory_bytes", 8_000_000_000, "passed"),
    ]


def test_verify_runs_each_on_the_golden_sample_of_its_size(
    both: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(both[1]), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["target"], row["status"]) for row in rows] == [(target, "passed") for target in TARGETS]
    broken = Path(shutil.copytree(both[1], tmp_path / "broken"))
    shutil.copy(broken / FURTHER[0], broken / FURTHER[1])
    assert main(["verify", str(broken)]) == 1
    assert FURTHER[1] in capsys.readouterr().err


def test_diff_has_what_came_with_a_size_and_pictures_of_each(
    both: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["diff", str(both[0]), str(both[1]), "--json"]) == 0
    files = {row["target"]: row for row in json.loads(capsys.readouterr().out)["files"]}
    assert set(files) == set(TARGETS)
    assert main(["diff", str(both[1]), str(both[1]), "--html", str(page), "--json"]) == 0
    pictures = {row["target"]: row for row in json.loads(capsys.readouterr().out)["pictures"]}
    assert set(TARGETS) <= set(pictures)
    assert not any(row["note"] for row in pictures.values())


def test_an_app_takes_the_first_size(both: tuple[Path, Path], tmp_path: Path) -> None:
    assert main(["app", str(both[1]), "--android", str(tmp_path / "android")]) == 0
    assert [path.name for path in files_of(tmp_path / "android") if path.suffix == ".tflite"] == [FILES[1]]


def test_a_size_that_is_added_keeps_the_files_there_are(
    both: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXPORT_PIPELINE_DATA", raising=False)  # with it the style would be known, and was not
    recipe = both[0].parent / "tiny.toml"
    recipe.write_text(recipe.read_text().replace("height = 64\nwidth = 64", 'sizes = ["64x64", "64x96"]'))
    assert main(["build", str(recipe), "-o", str(both[0]), "--dry-run", "--json"]) == 0
    said = {row["stage"]: (row["what"], row["why"]) for row in json.loads(capsys.readouterr().out)["stages"]}
    assert said["train"] == said["compress"] == ("keep", "")
    assert said["export"] == ("redo", 'export.sizes was [] and is ["64x64", "64x96"]')


def test_a_sweep_is_of_one_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tiny.toml").write_text(ONE.format(size='sizes = ["64x64", "64x96"]', more=""))
    assert main(["sweep", str(tmp_path / "tiny.toml"), "--set", "seed=1,2", "-o", str(tmp_path / "out")]) == 2
    assert "points of a sweep are of one size; leave out export.sizes." in capsys.readouterr().err
