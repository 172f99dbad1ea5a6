"""Checks as JUnit XML."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from export_pipeline.cli import main
from export_pipeline.report.junit import Case, junit_xml
from tests.builds import COMMITTED
from tests.diff.material import changed, grown, limits


def suites(text: str) -> dict[str, ElementTree.Element]:
    return {suite.attrib["name"]: suite for suite in ElementTree.fromstring(text)}


def test_what_has_not_passed_is_a_failure_and_noise_is_neither() -> None:
    statuses = ("passed", "failed", "skipped", "noisy")
    cases = [Case("onnx-fp32", status, status, "because <of> it \x07") for status in statuses]
    suite = suites(junit_xml("mosaic", {"budgets": cases}))["mosaic.budgets"]
    counts = {key: suite.attrib[key] for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "2", "errors": "0", "skipped": "1"}
    found = {case.attrib["name"]: [child.tag for child in case] for case in suite}
    assert found == {"passed": [], "failed": ["failure"], "skipped": ["failure"], "noisy": ["skipped"]}
    (failure,) = suite[1]
    assert failure.attrib["message"] == "FAILED: because <of> it \\x07"
    assert suite[0].attrib["classname"] == "mosaic.onnx-fp32"


def test_a_report_and_a_difference_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.xml"
    assert main(["report", str(COMMITTED), "--junit", str(path)]) == 0
    found = suites(path.read_text())
    assert set(found) == {f"starry_night_small.{of}" for of in ("parity", "budgets", "files")}
    assert found["starry_night_small.parity"].attrib["tests"] == "9"
    assert all(suite.attrib["failures"] == "0" for suite in found.values())

    new, recipe, path = changed(tmp_path, grown(0.02)), limits(tmp_path, "bytes = 0.01"), tmp_path / "diff.xml"
    assert main(["diff", str(COMMITTED), str(new), "--limits", str(recipe), "--junit", str(path)]) == 1
    suite = suites(path.read_text())["starry_night_small.limits"]
    (failed,) = [case for case in suite if len(case)]
    assert (failed.attrib["classname"], failed.attrib["name"]) == (
        "starry_night_small.mlmodel-int8",
        "bytes against the release",
    )


def test_verify_writes_them_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "verify.xml"
    assert main(["verify", str(COMMITTED), "--junit", str(path)]) == 0
    assert suites(path.read_text())["starry_night_small.parity"].attrib["tests"] == "9"
