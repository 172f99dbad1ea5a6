"""What `artifacts/README.md` says was measured is what the records say; and its comparison runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from export_pipeline.base.files import size
from tests.benchmarks import results
from tests.builds import ROOT
from tests.readme.blocks import RESULTS, of_language, run_here

PAGE = RESULTS.read_text(encoding="utf-8")
BUNDLES = sorted(path.parent.name for path in (ROOT / "artifacts").glob("*_*/manifest.json"))
SHIPPED = [name for name in BUNDLES if name not in ("starry_night_256", "unet_brain")]
# The first is what a command of the README makes, the second has a section of its own.


@pytest.mark.parametrize("name", SHIPPED)
def test_bundles_are_listed(name: str) -> None:
    assert f"\n| [{name}]({name}/report.md) | " in PAGE


def test_tables_are_what_the_records_say() -> None:
    assert results.redrawn(PAGE) == PAGE


def test_a_table_that_is_not_there_is_missed() -> None:
    with pytest.raises(ValueError, match=r"no table that begins with .\| model \| pan"):
        results.redrawn(PAGE.replace(results.FLICKERS, "| model |"))


def test_what_was_compared_are_the_files_of_the_bundles() -> None:
    found = json.loads(results.DISTANCES.read_text())
    assert [Path(row["model"]).suffix for row in found] == ["", ".tflite", ".mlmodel", ".tflite", ".mlmodel"]
    for row in found[2:]:
        assert row["bytes"] == size(ROOT / row["model"])


@pytest.mark.parametrize(
    ("name", "ahead"),
    [
        ("starry_night_small", "content covariance sliced_wasserstein local color"),
        ("starry_night_subpixel", "covariance sliced_wasserstein local color"),
        ("starry_night_johnson", "content covariance sliced_wasserstein local color"),
    ],
)
def test_a_network_is_ahead_of_the_published_one_as_the_page_says(name: str, ahead: str) -> None:
    _, published, *ours = json.loads(results.DISTANCES.read_text())
    (found,) = [row for row in ours if name in row["model"]]
    columns = [column for column in results.COLUMNS if found[column] <= published[column]]
    assert columns == [column for column in results.COLUMNS if column.removesuffix("_distance") in ahead.split()]


def test_a_video_flickers_no_more_than_that_of_the_published_model() -> None:
    _, published, *ours = json.loads(results.FLICKER.read_text())
    assert len(ours) == 5
    for row in ours:
        assert row["pan_flicker"] < published["pan_flicker"], row["model"]
        if "subpixel" not in row["model"]:  # whose light the page tells of
            assert row["light_flicker"] < published["light_flicker"], row["model"]


def test_the_fast_network_is_forty_times_as_fast_as_the_published_one() -> None:
    found = {results.title(row["file"]): row["median_ms"] for row in json.loads(results.SPEED.read_text())}
    name = "ours, starry_night_subpixel, TFLite"
    assert found[f"{name} full integer"] <= found[f"{name} dynamic range"]
    assert found[results.PUBLISHED] >= 40 * found[f"{name} full integer"]


def test_the_comparison_runs(clone: Path, checkout: Path, vgg_cached: None, data: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPORT_PIPELINE_DATA", str(data))
        for name in ("starry_night_johnson", "starry_night_subpixel"):
            shutil.copytree(ROOT / "artifacts" / name, clone / "artifacts" / name)
        (block,) = of_language("bash", RESULTS)
        (command,) = block.commands
        assert command.endswith("--last 20")
        result = run_here(command.removesuffix("20") + "1")
    assert result.returncode == 0, result.stderr
    assert "fritz_starry_night_640x480_a025.tflite" in result.stdout
