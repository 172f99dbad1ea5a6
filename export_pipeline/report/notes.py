"""What the reader of a report must know beside its tables: each note once, after the names of all that it is of."""

from __future__ import annotations

from collections.abc import Iterable

from export_pipeline.report.diagnosis_rows import diagnosis_notes
from export_pipeline.report.model import Report
from export_pipeline.report.sizes import larger_notes
from export_pipeline.report.words import SKIPPED


def notes(report: Report) -> list[str]:
    """The lines below the legend of a page."""
    record, machine = report.record, report.benchmark.machine
    lines = [
        f"Speed and memory are of this machine, not of a phone: {machine.processor}, {machine.cores} cores, "
        f"{machine.system}, Python {machine.python}. Files were timed in turns, in one process.",
    ]
    sentences = ((row.target, note.split("; ")) for row in record.files for note in row.notes)
    lines += grouped((target, sentence) for target, each in sentences for sentence in each)
    lines += larger_notes(record)
    lines += grouped(diagnosis_notes(record.files))
    lines += _skipped("speed or memory of ", report.benchmark.skipped.items())
    lines += _skipped("", ((row.target, row.reason) for row in record.parity if row.status == "skipped"))
    unjudged = (row for row in record.parity if row.quality == "skipped" and row.status != "skipped")
    lines += _skipped("quality of ", ((row.target, row.quality_reason) for row in unjudged))
    for one in report.devices.devices if report.devices else ():
        lines.append(f"{one.device}: measured by the app's benchmark screen, whose files go by their names.")
        lines += _skipped(f"on {one.device}: ", one.skipped.items())
    lines += ["Versions: " + ", ".join(f"{name} {version}" for name, version in machine.libraries.items())]
    lines += [f"{name}: {value}" for name, value in record.provenance.items()]
    return lines


def grouped(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Each note once, after the names of all that it is of."""
    names: dict[str, dict[str, None]] = {}
    for name, note in pairs:
        names.setdefault(note, {})[name] = None
    return [f"{', '.join(of)}: {note}" for note, of in names.items()]


def _skipped(what: str, reasons: Iterable[tuple[str, str]]) -> list[str]:
    """A line for each reason, with all that was skipped for it."""
    return [f"{SKIPPED} {what}{line}" for line in grouped(reasons)]
