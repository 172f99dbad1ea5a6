"""Checks as JUnit XML, which GitLab, Jenkins and others show beside a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from export_pipeline.base.files import write_text
from export_pipeline.base.printable import printable
from export_pipeline.records.parity import ParityResult
from export_pipeline.report.model import BudgetResult, Report
from export_pipeline.report.verdict import failures


@dataclass(frozen=True)
class Case:
    """One check: what is checked of what, and how it ended; ``reason`` says why it did not pass."""

    target: str
    name: str
    status: str
    reason: str = ""


def parity_cases(rows: Sequence[ParityResult]) -> list[Case]:
    """A case for the parity of each file."""
    return [Case(row.target, "parity", row.status, row.reason) for row in rows]


def limit_cases(rows: Sequence[BudgetResult]) -> list[Case]:
    """A case for each limit; one against the last release says so."""
    names = (row.what if row.release is None else f"{row.what} against the release" for row in rows)
    return [Case(row.target, name, row.status, row.reason) for row, name in zip(rows, names, strict=True)]


def report_suites(report: Report) -> dict[str, list[Case]]:
    """The suites of a report."""
    found = {"parity": parity_cases(report.record.parity), "budgets": limit_cases(report.budgets)}
    return found | ({"files": cases} if (cases := file_cases(report)) else {})


def file_cases(report: Report) -> list[Case]:
    """Whether each file is what it is called, and whole with half-precision sums, where those were run."""
    cases = [
        Case(file.target, "storage", "failed" if failures(file) else "passed", "; ".join(failures(file)))
        for file in report.record.files
        if file.diagnosis is not None
    ]
    stressed = ((row.target, row.stress) for row in report.record.parity)
    return cases + [
        Case(name, "stress", one.status, one.reason) for name, one in stressed if one and one.status != "skipped"
    ]


def junit_xml(name: str, suites: Mapping[str, Sequence[Case]]) -> str:
    """The document: a suite for each of *suites*, named after the bundle *name*.

    What could not be checked was asked for and is a failure, as it is for the exit code. What is too noisy to judge
    has neither passed nor failed: JUnit has ``skipped`` for that, and its message begins with NOISY.
    """
    root = ElementTree.Element("testsuites", name=_legal(f"export-pipeline {name}"))
    for suite, cases in suites.items():
        counts = {
            "tests": len(cases),
            "failures": sum(case.status in ("failed", "skipped") for case in cases),
            "errors": 0,
            "skipped": sum(case.status == "noisy" for case in cases),
        }
        about = {key: str(value) for key, value in counts.items()}
        node = ElementTree.SubElement(root, "testsuite", {"name": _legal(f"{name}.{suite}"), **about})
        for case in cases:
            _add(node, f"{name}.{case.target}", case)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add(suite: ElementTree.Element, group: str, case: Case) -> None:
    node = ElementTree.SubElement(suite, "testcase", classname=_legal(group), name=_legal(case.name))
    if case.status == "passed":
        return
    kind = "skipped" if case.status == "noisy" else "failure"
    message = _legal(f"{case.status.upper()}: {case.reason}")
    ElementTree.SubElement(node, kind, message=message).text = message


def _legal(text: str) -> str:
    """Text without the control characters that XML does not take, not even escaped."""
    return printable(text)


def write_junit(path: Path | None, name: str, suites: Mapping[str, Sequence[Case]]) -> None:
    """Write the document to *path*; nothing without one.

    Raises:
        OutputError: it cannot be written.
    """
    if path is not None:
        write_text(path, junit_xml(name, suites))
