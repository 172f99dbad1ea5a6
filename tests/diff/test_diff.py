"""What has changed from one build to another, through the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from export_pipeline.cli import main
from export_pipeline.diff import Diff, diff, markdown, read_release, terminal
from export_pipeline.diff.render import MARK, MOST_COMMENT
from export_pipeline.report.budgets import Value, judge
from export_pipeline.report.model import Spread
from tests.builds import COMMITTED
from tests.diff.material import changed, file_of, grown, limits, parity_of, sealed

TARGET = "mlmodel-int8"


def told(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, Any]:
    """What ``diff --json`` prints, and that it ends with *code*."""
    assert main(["diff", *map(str, arguments), "--json"]) == code
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def number(found: dict[str, Any], what: str, target: str = TARGET) -> dict[str, Any]:
    return next(row for row in found["numbers"] if (row["target"], row["what"]) == (target, what))


def test_a_bundle_and_itself_differ_in_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, COMMITTED, COMMITTED)
    assert {row["status"] for row in found["files"]} == {"same"}
    assert found["words"] == []
    assert found["verdict"] == "unlimited"
    release = read_release(COMMITTED)
    assert diff(release, release).nothing
    assert "Nothing that is measured has changed." in markdown(diff(release, release))


@pytest.mark.parametrize(("by", "code", "verdict"), [(0.005, 0, "passed"), (0.02, 1, "failed")])
def test_a_file_may_grow_by_its_limit_and_no_more(
    by: float, code: int, verdict: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new, recipe = changed(tmp_path, grown(by)), limits(tmp_path, "bytes = 0.01")
    found = told(capsys, COMMITTED, new, "--limits", recipe, code=code)
    assert found["verdict"] == verdict
    old, now = number(found, "bytes")["old"], number(found, "bytes")["new"]
    assert now == round(old * (1 + by))
    if code:
        assert main(["diff", str(COMMITTED), str(new), "--limits", str(recipe)]) == 1
        said = capsys.readouterr()
        assert f"FAILED: 1 of {len(found['limits'])} limits" in said.out
        assert f"{TARGET} bytes: 14,380 -> 14,668 is +2.0%, where +1.0% is allowed" in said.err


def test_the_limits_are_those_of_the_new_recipe_unless_another_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def edit(report: dict[str, Any]) -> None:
        report["recipe"]["report"]["regression"] = {"release": "r", "bytes": 0.01}
        grown(0.02)(report)

    new = changed(tmp_path, edit)
    assert told(capsys, COMMITTED, new, code=1)["verdict"] == "failed"
    assert told(capsys, new, COMMITTED)["verdict"] == "unlimited"
    assert told(capsys, COMMITTED, new, "--limits", limits(tmp_path, "bytes = 0.03"))["verdict"] == "passed"


def test_quality_is_held_to_its_limits_each_in_its_own_direction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def edit(report: dict[str, Any]) -> None:
        row = parity_of(report, TARGET)
        row["psnr"] -= 2
        row["ssim"] *= 0.99
        row["content_distance"] *= 1.03

    new, recipe = changed(tmp_path, edit), limits(tmp_path, "psnr = 1\nssim = 0.02\ncontent_distance = 0.02")
    found = told(capsys, COMMITTED, new, "--limits", recipe, code=1)
    verdicts = {row["what"]: row["status"] for row in found["limits"] if row["target"] == TARGET}
    assert verdicts == {
        "signature changes": "passed",
        "psnr": "failed",
        "ssim": "passed",
        "content_distance": "failed",
    }
    assert told(capsys, new, COMMITTED, "--limits", recipe)["verdict"] == "passed"


def test_metrics_of_other_samples_do_not_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def edit(report: dict[str, Any]) -> None:
        parity_of(report, TARGET)["images"] = 6

    recipe = limits(tmp_path, "content_distance = 0.02")
    found = told(capsys, COMMITTED, changed(tmp_path, edit), "--limits", recipe, code=1)
    (row,) = [row for row in found["limits"] if row["status"] != "passed"]
    assert row["status"] == "skipped"
    assert "verified on 8 samples, and this on 6" in row["reason"]


def test_a_target_that_is_gone_and_a_signature_that_changed_are_regressions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def edit(report: dict[str, Any]) -> None:
        report["files"] = [row for row in report["files"] if row["target"] != "onnx-fp32"]
        file_of(report, TARGET)["signature"]["output_name"] = "painted"

    new = changed(tmp_path, edit)
    found = told(capsys, COMMITTED, new, "--limits", limits(tmp_path, ""), code=1)
    wrong = {(row["target"], row["what"]): row["reason"] for row in found["limits"] if row["status"] == "failed"}
    assert set(wrong) == {("onnx-fp32", "dropped"), (TARGET, "signature changes")}
    assert wrong[TARGET, "signature changes"] == "output stylized is gone; output painted is new"
    assert {row["key"] for row in found["words"] if row["part"] == "signature"} == {
        "output stylized: it",
        "output painted: it",
    }
    recipe = limits(tmp_path, 'same_signature = false\nmay_drop = ["onnx-fp32"]\nbytes = 0.01')
    assert told(capsys, COMMITTED, new, "--limits", recipe)["verdict"] == "passed"


def test_operations_recipe_and_metadata_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def edit(report: dict[str, Any]) -> None:
        operations = file_of(report, TARGET)["contents"]["operations"]
        operations["unary"] = 3
        report["recipe"]["train"]["style_weight"] = 3.0

    found = told(capsys, COMMITTED, changed(tmp_path, edit))
    assert {"part": "operations", "target": TARGET, "key": "unary", "old": None, "new": "3"} in found["words"]
    assert {"part": "recipe", "target": "", "key": "train.style_weight", "old": "0.5", "new": "3.0"} in found["words"]


def test_metadata_are_read_from_files_whose_bytes_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = COMMITTED.parent / "poppy_field_johnson"
    found = told(capsys, COMMITTED, other)
    versions = [row for row in found["words"] if (row["part"], row["key"]) == ("metadata", "version")]
    assert {row["target"] for row in versions} >= {TARGET, "mlpackage-int8"}
    assert all(row["old"] and row["new"] and row["old"] != row["new"] for row in versions)
    assert {row["status"] for row in found["files"]} == {"changed"}


def test_targets_that_came_and_went_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    palettized = COMMITTED.parent / "starry_night_tiny"
    found = told(capsys, COMMITTED, palettized)
    assert {row["status"] for row in found["files"]} == {"added", "removed"}


def test_times_on_record_are_judged_by_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def edit(benchmark: dict[str, Any]) -> None:
        for row in benchmark["latency"]:
            row["median_ms"] *= 2

    new = changed(tmp_path, edit, "benchmark.json")
    row = number(told(capsys, COMMITTED, new), "latency")
    assert row["new"] == pytest.approx(2 * row["old"])
    assert "recorded apart" in row["note"]
    assert "worse" not in terminal(diff(read_release(COMMITTED), read_release(new)))


def test_times_of_another_processor_do_not_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def edit(benchmark: dict[str, Any]) -> None:
        for row in benchmark["latency"]:
            row["processor"] = "another one"

    row = number(told(capsys, COMMITTED, changed(tmp_path, edit, "benchmark.json")), "latency")
    assert row["old"] is row["new"] is None
    assert "timed with another processor" in row["note"]


def test_noise_decides_nothing(tmp_path: Path) -> None:
    release = read_release(COMMITTED)
    found = diff(release, release)
    noisy = judge(TARGET, "latency", "most", 1.1, Value(1.05, spread=Spread(low=0.9, median=1.05, high=1.3)))
    undecided = found.model_copy(update={"limits": (noisy,)})
    assert undecided.verdict == "noisy"
    assert "NOISY: neither passed nor failed: 1 of 1 limits" in markdown(undecided)
    failed = judge(TARGET, "bytes", "most", 1, Value(2))
    assert found.model_copy(update={"limits": (noisy, failed)}).verdict == "failed"


def test_reports_alone_compare_what_they_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    for name in ("report.json", "benchmark.json"):
        shutil.copy(COMMITTED / name, folder / name)
    whole = tmp_path / "whole.json"
    assert main(["report", str(COMMITTED), "--json"]) == 0
    whole.write_text(capsys.readouterr().out)
    for side in (folder, folder / "report.json", whole):
        found = told(capsys, COMMITTED, side)
        assert {row["status"] for row in found["files"]} == {"unknown"}
        assert number(found, "bytes")["new"] == 14380
        assert number(found, "latency")["new"] > 0
    # What must be measured cannot be, and that is no pass.
    found = told(capsys, COMMITTED, whole, "--limits", limits(tmp_path, "latency = 0.1"), code=1)
    assert {row["status"] for row in found["limits"] if row["what"] == "latency"} == {"skipped"}
    assert main(["diff", str(COMMITTED), str(whole), "--time"]) == 2
    assert "nothing to time" in capsys.readouterr().err


def test_what_is_neither_bundle_nor_report_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, listing, other, empty = (tmp_path / name for name in ("a.json", "b.json", "c.json", "empty"))
    text.write_text("not JSON")
    listing.write_text("[1]")
    other.write_text("{}")
    empty.mkdir()
    said = {text: "is no JSON", listing: "a JSON list", other: "no report of a version", empty: "has no report.json"}
    for path, message in {**said, tmp_path / "none.json": "cannot read"}.items():
        assert main(["diff", str(COMMITTED), str(path)]) == 2, path
        error = capsys.readouterr().err
        assert message in error
        assert str(path) in error
        assert len(error.splitlines()) <= 2


def test_a_changed_file_is_noticed_and_a_missing_one_is_not_missed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "new"
    shutil.copytree(COMMITTED, copy)
    (copy / "checkpoint.safetensors").unlink()
    assert main(["diff", str(COMMITTED), str(copy)]) == 0
    model = copy / "starry_night_small-int8.mlmodel"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    assert main(["diff", str(COMMITTED), str(copy)]) == 1
    assert "int8.mlmodel has changed" in capsys.readouterr().err


def test_the_json_is_the_difference(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, COMMITTED, COMMITTED)
    assert found.pop("verdict") == "unlimited"
    assert Diff.model_validate_json(json.dumps(found)).model_dump(mode="json") == found


def test_a_comment_is_found_again_fits_and_shows_text_as_text(tmp_path: Path) -> None:
    def edit(report: dict[str, Any]) -> None:
        report["provenance"] = {f"key {index}": "<img src=x> @someone " + "x" * 900 for index in range(1000)}

    new = sealed(changed(tmp_path, edit))
    text = markdown(diff(read_release(COMMITTED), read_release(new)))
    assert text.startswith(MARK.format("starry_night_small"))
    assert len(text) < MOST_COMMENT
    assert "&lt;img" in text
    assert "<img" not in text
    assert "@someone" not in text
