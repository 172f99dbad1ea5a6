"""The verdict: one of each file and one of the whole, out of every check that was made of them.

Console, Markdown, HTML and JSON all show these, and so does the exit code: a file that has missed a budget has failed,
however near to the float network it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from export_pipeline.report.model import FileRecord, Report
from export_pipeline.targets import split_size

# From the worst on: the first that a check of a file has is the file's.
ORDER = ("failed", "skipped", "noisy", "passed")


@dataclass(frozen=True)
class Check:
    """One check of a file: what was looked at, how it ended, and if it has not passed, by how much or why."""

    target: str
    what: str
    status: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What all checks come to.

    Attributes:
        status: of the whole. A check that could not be made is as bad as one that failed, for it was asked for.
        files: the status of each file, by target.
        checks: how many there were.
        wrong: those that have not passed.
        unmeasured: why the quality of some file was not measured; empty where it was.
        unmade: why a target was not made: what makes and runs its files is not here. Empty where all were.
    """

    status: str
    files: Mapping[str, str]
    checks: int
    wrong: tuple[Check, ...]
    unmeasured: str
    unmade: str = ""

    @property
    def headline(self) -> str:
        """The whole in one line."""
        bad = {check.target for check in self.wrong}
        if self.wrong:
            head = f"{self.status.upper()}: {len(self.wrong)} of {_count(self.checks, 'check')}, in {len(bad)} of "
            return head + _count(len(self.files), "file")
        skipped = f"; quality SKIPPED: {self.unmeasured}" if self.unmeasured else ""
        skipped += f"; targets SKIPPED: {self.unmade}" if self.unmade else ""
        return f"PASSED: {_count(len(self.files), 'file')}, {_count(self.checks, 'check')}{skipped}"

    @property
    def lines(self) -> tuple[str, ...]:
        """What has not passed, and by how much or why: a line each."""
        return tuple(f"{one.target} {one.what} {one.status.upper()}: {one.reason}" for one in self.wrong)

    def as_json(self) -> dict[str, Any]:
        """The same for ``--json``."""
        wrong = [vars(one) for one in self.wrong]
        return {"status": self.status, "files": dict(self.files), "checks": self.checks, "wrong": wrong}


def verdict(report: Report) -> Verdict:
    """The verdict on *report*."""
    checks = list(_checks(report))
    of_file = {file.target: [one.status for one in checks if one.target == file.target] for file in report.record.files}
    wrong = tuple(one for one in checks if one.status != "passed")
    undecided = bool(wrong) and all(one.status == "noisy" for one in wrong)
    reasons = (row.quality_reason for row in report.record.parity if row.quality == "skipped" and row.target in of_file)
    made = {file.file for file in report.record.files}
    unmade = (row.reason for row in report.record.parity if row.file not in made)
    return Verdict(
        status="noisy" if undecided else "failed" if wrong else "passed",
        files={target: min(found, key=ORDER.index) for target, found in of_file.items()},
        checks=len(checks),
        wrong=wrong,
        unmeasured=next(reasons, ""),
        unmade=next(unmade, ""),
    )


def failures(file: FileRecord) -> tuple[str, ...]:
    """In what *file* is not what its name says; nothing is known of files in records of earlier versions."""
    return file.diagnosis.failures if file.diagnosis is not None else ()


def _checks(report: Report) -> Iterator[Check]:
    verified = {row.target for row in report.record.parity}
    made = {file.file: file.target for file in report.record.files}
    for file in report.record.files:
        if file.target not in verified:
            yield Check(file.target, "parity", "skipped", "it was not verified")
    for parity in report.record.parity:
        if parity.file not in made:
            continue
        target, size = made[parity.file], split_size(parity.target)[1]
        at = f" at {size}" if parity.target != target else ""  # a further size of a flexible file
        yield Check(target, f"parity{at}", parity.status, parity.reason)
        if parity.stress is not None and parity.stress.status != "skipped":  # left out by the recipe's own word
            yield Check(target, f"stress{at}", parity.stress.status, parity.stress.reason)
    for file in report.record.files:
        if file.diagnosis is not None:
            wrong = failures(file)
            yield Check(file.target, "storage", "failed" if wrong else "passed", "; ".join(wrong))
    for row in report.budgets:
        yield Check(row.target, row.what, row.status, row.reason)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
