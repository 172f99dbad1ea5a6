"""Results of the apps' benchmark screens, imported into a bundle."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from export_pipeline.base.files import files_of, sha256
from export_pipeline.bundle import MANIFEST, Bundle
from export_pipeline.cli import main
from export_pipeline.report import read_report
from export_pipeline.report.devices import DEVICES_FILE
from export_pipeline.report.schema import written
from tests.builds import COMMITTED, ROOT

NAME = COMMITTED.name
VECTORS = ROOT / "tests" / "apps" / "vectors" / "statistics.json"


def row(target: str = "int8.mlpackage", **changed: Any) -> dict[str, Any]:
    about = {"runtime": "Core ML, Neural Engine, GPU and CPU", "version": "iOS 18.1", "threads": 0}
    about |= {"processor": "iPhone15,2", "height": 640, "width": 480, "runs": 30}
    return {"file": f"{NAME}-{target}", **about, "median_ms": 8.0, "iqr_ms": 0.5, "fps": 125.0, **changed}


def result(*rows: dict[str, Any], device: str = "iPhone15,2", **changed: Any) -> dict[str, Any]:
    """A record as an app writes it: the keys are those of the vectors that both apps are tested with."""
    machine = {"processor": device, "cores": 6, "system": "iOS 18.1", "python": "none", "libraries": {}}
    empty: dict[str, Any] = {"memory": [], "skipped": {}, "budgets": [], "float_file": ""}
    return {"format": 1, "name": NAME, "machine": machine, "latency": list(rows or [row()]), **empty, **changed}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(COMMITTED, tmp_path / "bundle"))


def imported(bundle: Path, *results: dict[str, Any], code: int = 0) -> None:
    paths = [bundle.parent / f"result{index}.json" for index in range(len(results))]
    for path, data in zip(paths, results, strict=True):
        path.write_text(json.dumps(data))
    assert main(["device", "import", *map(str, paths), "--bundle", str(bundle)]) == code


def test_the_record_of_these_tests_is_what_the_apps_write() -> None:
    (record,) = json.loads(VECTORS.read_text())["records"]
    assert set(result()) == set(record["expected"])
    assert set(row()) == set(record["expected"]["latency"][0])
    assert set(result()["machine"]) == set(record["expected"]["machine"])


def test_rows_of_devices_join_the_report_and_the_bundle_stays_whole(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_report(bundle)
    android = row(
        "dynamic.tflite", runtime="LiteRT, CPU", version="1.4.0", threads=4, processor="Pixel 8", energy_mj=31.5
    )
    skipped = {f"{NAME}-fp16.tflite, GPU": "the GPU gave a wrong picture"}
    imported(bundle, result(), result(android, device="Pixel 8", skipped=skipped))
    assert "Neural Engine, GPU and CPU" in capsys.readouterr().out
    after = read_report(bundle)
    assert (after.record, after.benchmark) == (before.record, before.benchmark)
    assert after.devices is not None
    found = [(one.device, row.target, row.accelerator) for one in after.devices.devices for row in one.rows]
    assert found == [
        ("Pixel 8", "tflite-dynamic", "CPU"),
        ("iPhone15,2", "mlpackage-int8", "Neural Engine, GPU and CPU"),
    ]
    Bundle.open(bundle).check_files()
    assert sha256(bundle / MANIFEST) == sha256(COMMITTED / MANIFEST)
    for name in ("report.md", "report.html"):
        text = (bundle / name).read_text()
        for part in ("Devices", "iPhone15,2", "8.000", "31.5", "the GPU gave a wrong picture"):
            assert part in text, (name, part)
    data = json.loads((bundle / DEVICES_FILE).read_text())
    jsonschema.validate(data, json.loads(written("devices_schema.json")))


def test_this_machines_rows_are_where_they_were(bundle: Path) -> None:
    def tables(folder: Path) -> dict[str, str]:
        parts = (folder / "report.md").read_text().split("\n## ")
        return {part.splitlines()[0]: part for part in parts}

    def drawn(folder: Path) -> dict[str, str]:
        from export_pipeline.report import render_pages

        copy = Path(shutil.copytree(folder, folder.parent / "drawn"))
        render_pages(copy, read_report(copy))
        return tables(copy)

    before = drawn(bundle)
    imported(bundle, result())
    after = tables(bundle)
    assert set(after) - set(before) == {"Devices"}
    assert all(after[title] == text for title, text in before.items() if title not in ("Notes",))


def test_a_newer_result_replaces_the_same_measurement_and_keeps_the_others(bundle: Path) -> None:
    cpu = row(runtime="Core ML, CPU", median_ms=40.0, fps=25.0)
    imported(bundle, result(row(), cpu))
    imported(bundle, result(row(median_ms=4.0, fps=250.0)))
    devices = read_report(bundle).devices
    assert devices is not None
    (one,) = devices.devices
    assert [(row.accelerator, row.median_ms) for row in one.rows] == [
        ("Neural Engine, GPU and CPU", 4.0),
        ("CPU", 40.0),
    ]
    Bundle.open(bundle).check_files()


BAD: list[tuple[dict[str, Any], str]] = [
    (result(name="other"), "is of the bundle 'other'"),
    (result(row("fp99.tflite")), "which the bundle does not hold"),
    (result(row(height=64)), "it takes 640x480"),
    (result(row(median_ms=0)), "latency.0.median_ms: it must be greater than 0"),
    (result(row(runs=5)), "latency.0.runs: it must be greater than or equal to 30"),
    (result(row(fps=1000.0)), "1000.0 FPS at 8.0 ms"),
    (result(row(surprise=1)), "latency.0.surprise is not known"),
    (result(latency=[], skipped={"a": "it does not load"}), "has no times: a: it does not load"),
    (result(format=2), "format: it must be less than or equal to 1"),
    ({}, "is no result of an app: format is missing; name is missing; machine is missing; and 4 more"),
    (json.loads((COMMITTED / "benchmark.json").read_text()), "was measured by export-pipeline on"),
]


@pytest.mark.parametrize(("data", "message"), BAD, ids=[message for _, message in BAD])
def test_what_is_no_result_of_this_bundle_is_refused_and_changes_nothing(
    data: dict[str, Any], message: str, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: sha256(file) for file in files_of(bundle)}
    imported(bundle, data, code=2)
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert {file: sha256(file) for file in files_of(bundle)} == before


def test_files_that_are_no_json_and_bundles_that_changed_are_refused(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = bundle.parent / "bad.json"
    bad.write_text("{")
    for path, message in ((bad, "is no JSON"), (bundle.parent / "none.json", "cannot read")):
        assert main(["device", "import", str(path), "--bundle", str(bundle)]) == 2
        assert message in capsys.readouterr().err
    (bundle / "report.json").write_text("{}")
    imported(bundle, result(), code=1)
    assert "report.json has changed" in capsys.readouterr().err


def test_the_bundle_is_found_by_the_name_of_the_results(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = bundle.parent / "artifacts" / NAME
    home.parent.mkdir()
    bundle.rename(home)
    monkeypatch.chdir(home.parent.parent)
    Path("result.json").write_text(json.dumps(result()))
    assert main(["device", "import", "result.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["devices"][0]["device"] == "iPhone15,2"
    assert (home / DEVICES_FILE).is_file()
