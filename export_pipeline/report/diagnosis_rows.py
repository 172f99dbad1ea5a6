"""What accelerators do with each file: a table for the pages, and lines for ``inspect``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from export_pipeline.formats.diagnosis import LONG_SUM
from export_pipeline.records.diagnosis import Diagnosis
from export_pipeline.records.stress import StressResult
from export_pipeline.report.model import FileRecord, Report
from export_pipeline.report.tables import TextTable


def diagnosis_table(report: Report) -> TextTable:
    """One row for each file of which something is known of an accelerator."""
    header = (
        "target",
        "accelerator",
        "takes",
        "parts",
        "weights in float",
        "longest sum in half precision",
        "is as named",
    )
    rows = tuple(_row(file, file.diagnosis) for file in report.record.files if file.diagnosis is not None)
    return TextTable("Accelerators", header, rows)


def stress_table(report: Report) -> TextTable:
    """One row for each file that hardware may add up in half precision, and was run so."""
    header = ("target", "operations in half precision", "overflow", "largest value", "PSNR dB", "stress", "why")
    rows = tuple((row.target, *_stress_row(row.stress)) for row in report.record.parity if row.stress is not None)
    return TextTable("Half-precision sums", header, rows)


def _stress_row(found: StressResult) -> tuple[str, ...]:
    ran = found.status != "skipped"
    return (
        str(found.operations) if ran else "",
        str(found.overflows) if ran else "",
        "" if found.largest is None else f"{found.largest:.4g}",
        "" if found.psnr is None else f"{found.psnr:.1f}",
        found.status.upper(),
        found.reason,
    )


def _row(file: FileRecord, found: Diagnosis) -> tuple[str, ...]:
    return (
        file.target,
        found.accelerator or "not known",
        _taken(found),
        "" if found.parts is None else str(found.parts),
        f"{found.float_share:.1%}",
        f"{found.longest_sum:,} ({found.sums})" if found.longest_sum else "",
        "FAILED" if found.failures else "PASSED",
    )


def _taken(found: Diagnosis) -> str:
    if found.parts is None or found.operations is None:
        return ""
    return f"{found.operations - refused(found)} of {found.operations}"


def refused(found: Diagnosis) -> int:
    """How many operations an accelerator does not take."""
    return sum(row.count for row in found.refused)


def diagnosis_notes(files: Sequence[FileRecord]) -> Iterator[tuple[str, str]]:
    """Notes for a page, each with the target that it is of."""
    for file in files:
        for line in _lines(file.diagnosis) if file.diagnosis else ():
            yield file.target, line


def diagnosis_text(found: Diagnosis) -> str:
    """What ``inspect`` prints."""
    lines = [f"weights in float: {found.float_share:.1%} of their bytes", *_lines(found)]
    if found.parts is not None and not found.refused:
        lines.append(f"{found.accelerator}: takes all {found.operations} operations in {_counted(found.parts)}")
    return "\n".join([*lines, *(f"FAILED: {why}" for why in found.failures)])


def _lines(found: Diagnosis) -> Iterator[str]:
    """What is to be known of an accelerator, a line each."""
    if found.refused:
        kinds = ", ".join(f"{row.count} {row.operation} ({row.reason})" for row in found.refused)
        yield f"{found.accelerator}: refuses {refused(found)} of {found.operations} operations: {kinds}"
        yield (
            f"{found.accelerator}: an estimated {_counted(found.parts or 0)}, with the CPU between; the largest, the "
            f"only one by default, has {found.delegated} of {found.operations} operations"
        )
    if found.longest_sum and found.longest_sum > LONG_SUM:
        yield f"{found.sums} adds up {found.longest_sum:,} values"
        yield f"half precision ends at 65504 and counts to {LONG_SUM:,}: a longer sum may overflow or stand still"
    yield from (f"{found.accelerator}: {note}" for note in found.notes)


def _counted(parts: int) -> str:
    return f"{parts} part{'' if parts == 1 else 's'}"
