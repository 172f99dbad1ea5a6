"""One verdict a file and one of the whole, the same on every page."""

from __future__ import annotations

import json
import re

import pytest

from export_pipeline.errors import CheckFailed
from export_pipeline.records.parity import ParityResult
from export_pipeline.report import BudgetResult, Report, check, terminal, verdict
from export_pipeline.report.render import markdown, page
from export_pipeline.verbs.common import show_report
from tests.report.test_report import reported, settled

OVER = BudgetResult(
    target="onnx-fp32",
    what="bytes",
    rule="most",
    limit=100,
    measured=150,
    status="failed",
    reason="150 is 50 (50.0%) over 100",
)


def with_rows(budgets: tuple[BudgetResult, ...], parity: tuple[ParityResult, ...] | None = None) -> Report:
    _, report = reported()
    record = report.record.model_copy(update={"budgets": budgets, "parity": parity or report.record.parity})
    return settled(report).model_copy(update={"record": record})


def pages(report: Report) -> tuple[str, str, str]:
    return terminal(report), markdown(report), page(report)


def test_a_file_that_misses_a_budget_has_failed_on_every_page() -> None:
    report = with_rows((OVER,))
    assert {row.status for row in report.record.parity} == {"passed"}
    found = verdict(report)
    assert found.status == "failed"
    assert found.files == {"tflite-dynamic": "passed", "onnx-fp32": "failed"}
    for text in pages(report)[:2]:
        rows = [line for line in text.splitlines() if line.removeprefix("| ").startswith("onnx-fp32")]
        assert rows[0].rstrip("| ").endswith("FAILED"), rows
    table = re.search(r"<h2>Files</h2>.*?</table>", page(report), re.S)
    assert table
    assert re.search(r'<tr class="failed"><td[^>]*>onnx-fp32</td>.*<td[^>]*>FAILED</td>', table[0])


@pytest.mark.parametrize("number", range(3), ids=["console", "markdown", "html"])
def test_the_verdict_of_the_whole_stands_first_with_what_failed_and_by_how_much(number: int) -> None:
    bad = pages(with_rows((OVER,)))[number]
    said = bad.index("FAILED: 1 of 7 checks, in 1 of 2 files")
    assert said < bad.index("50 (50.0%) over 100") < bad.index("deflated")
    good = pages(with_rows(()))[number]
    assert good.index("PASSED: 2 files, 6 checks; quality SKIPPED: VGG-19") < good.index("deflated")


def test_a_check_that_could_not_be_made_is_no_pass() -> None:
    report = with_rows((OVER.model_copy(update={"status": "skipped", "measured": None, "reason": "no judge"}),))
    found = verdict(report)
    assert (found.status, found.files["onnx-fp32"]) == ("failed", "skipped")
    with pytest.raises(CheckFailed):
        check(report)
    alone = report.model_copy(update={"record": report.record.model_copy(update={"parity": (), "budgets": ()})})
    assert set(verdict(alone).files.values()) == {"skipped"}
    assert verdict(alone).status == "failed"


def test_json_has_the_same_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(with_rows((OVER,)), as_json=True)
    told = json.loads(capsys.readouterr().out)["verdict"]
    assert told["status"] == "failed"
    assert told["files"]["onnx-fp32"] == "failed"
    assert [row["reason"] for row in told["wrong"]] == [OVER.reason]
