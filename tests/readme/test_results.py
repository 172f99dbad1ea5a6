"""What `artifacts/README.md` says was measured is what the records say; and its comparison runs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.builds import COMMITTED, ROOT
from tests.readme.blocks import RESULTS, of_language, run_here

PAGE = RESULTS.read_text(encoding="utf-8")
BUNDLES = sorted(path.parent.name for path in (ROOT / "artifacts").glob("*_*/manifest.json"))
SHIPPED = [name for name in BUNDLES if name not in ("starry_night_256", "unet_brain")]
# The first is what a command of the README makes, the second has a section of its own.


def rows(text: str) -> list[list[str]]:
    """The cells of every row of Markdown tables in *text*."""
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if line[:1] == "|"]


@pytest.mark.parametrize("bundle", SHIPPED)
def test_bundles_are_listed_as_recorded(bundle: str) -> None:
    record = json.loads((ROOT / "artifacts" / bundle / "report.json").read_text())
    smallest = ("mlmodel-int8", "mlmodel-palettized")
    size = next(row["size"] for row in record["files"] if row["target"] in smallest)
    parity = next(row for row in record["parity"] if row["target"] in smallest)
    (found,) = [row for row in rows(PAGE) if row[0] == f"[{bundle}]({bundle}/report.md)"]
    assert found[1:7] == [
        f"{record['float_network']['parameters']:,}",
        f"{size['bytes']:,}",
        f"{size['deflated_bytes']:,}",
        f"{parity['content_distance']:.4f}",
        f"{parity['style_distance']:.4f}",
        f"{parity['images']}",
    ]


def test_files_of_the_first_bundle_are_shown_as_reported() -> None:
    report = (COMMITTED / "report.md").read_text().split("## Files")[1].split("##")[0]
    assert len(rows(report)) > 7
    assert all(row in rows(PAGE) for row in rows(report))


def test_no_other_size_is_given_for_a_compared_file() -> None:
    compared = [row for row in rows(PAGE) if row[0].startswith("ours, ") and len(row) == 8]
    assert len(compared) == 3
    for name, told, *_ in compared:
        bundle = re.findall(r"ours, (\w+)", name)[0]
        target = "mlmodel-int8" if ".mlmodel" in name else "tflite-int8"
        record = json.loads((ROOT / "artifacts" / bundle / "report.json").read_text())
        (size,) = [row["size"]["bytes"] for row in record["files"] if row["target"] == target]
        assert told.strip("*") == f"{size:,}", name


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
