"""The tables of a difference: what the terminal, Markdown and the page show alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from export_pipeline.diff.model import Diff, NumberChange, WordChange
from export_pipeline.diff.numbers import TIMED_APART
from export_pipeline.report import BudgetResult
from export_pipeline.report.tables import TextTable
from export_pipeline.report.words import number

VERDICTS = {
    "passed": "PASSED: within every limit",
    "failed": "FAILED",
    "noisy": "NOISY: neither passed nor failed",
    "unlimited": "no limits",
}
NONE = "-"
NUMBERS = ("target", "what", "old", "new", "change", "limit", "verdict")


def verdict_line(found: Diff) -> str:
    """The verdict of the whole in a line."""
    head = VERDICTS[found.verdict]
    if found.verdict == "unlimited":
        return f"{head}: the recipe has no [report.regression]"
    wrong = len(wrong_lines(found))
    return f"{head}: {wrong} of {len(found.limits)} limits" if wrong else f"{head} ({len(found.limits)} checked)"


def wrong_lines(found: Diff) -> list[str]:
    """What has not passed, and by how much."""
    return [
        f"{row.target} {row.what}: {row.reason}" + ("" if row.status == "failed" else f" ({row.status.upper()})")
        for row in found.limits
        if row.status != "passed"
    ]


def summary(found: Diff) -> str:
    """Which files changed, in one line."""
    kinds = ("added", "removed", "changed")
    counts = {kind: [row.target for row in found.files if row.status == kind] for kind in kinds}
    same = sum(row.status == "same" for row in found.files)
    told = [f"{', '.join(targets)} {kind}" for kind, targets in counts.items() if targets]
    if same:
        told.append(f"{same} of {len(found.files)} files have the same bytes")
    if any(row.status == "unknown" for row in found.files):
        told.append("a report alone does not tell whether bytes are the same")
    return "; ".join(told) + "."


def chief_numbers(found: Diff) -> TextTable:
    """What a reader must see: the numbers that have a limit and differ; where there are no limits, all that differ."""
    rows = tuple(row for row in numbers_table(found).rows if row[5] and (row[4] != "0" or row[6] != "PASSED"))
    return numbers_table(found) if found.verdict == "unlimited" else TextTable("Numbers", NUMBERS, rows)


def numbers_table(found: Diff) -> TextTable:
    """Every number that differs or has a limit; what failed first. Times of two runs are in a table of their own."""
    rows = [row for row in found.numbers if (row.differs and row.note != TIMED_APART) or found.limit_of(row)]
    rank = {"failed": 0, "skipped": 0, "noisy": 1}
    rows.sort(key=lambda row: rank.get(limit.status, 2) if (limit := found.limit_of(row)) else 2)
    return TextTable("All numbers", NUMBERS, tuple(_number_row(row, found.limit_of(row)) for row in rows))


def _number_row(row: NumberChange, limit: BudgetResult | None) -> tuple[str, ...]:
    allowed = "" if limit is None else f"at {limit.rule} {number(limit.limit)}"
    if limit is not None and row.what == "latency":
        allowed = f"at most {limit.limit - 1:+.1%}"
    return (
        row.target,
        row.title,
        shown(row.old, row.digits),
        shown(row.new, row.digits),
        change(row, limit),
        allowed,
        verdict(row, limit),
    )


def shown(value: float | None, digits: int) -> str:
    """A number, or that there is none."""
    return NONE if value is None else f"{value:,.{digits}f}"


def change(row: NumberChange, limit: BudgetResult | None = None) -> str:
    """By what share a number changed; of times the quartiles of that, where both ran in one run."""
    times = row.times
    if times is not None:
        return f"{times.median - 1:+.1%} ({times.low - 1:+.1%} to {times.high - 1:+.1%})"
    if limit is not None and row.what == "latency" and limit.measured is not None:
        return f"{limit.measured - 1:+.1%}"
    if row.old is None or row.new is None:
        return NONE
    if row.what == "psnr":
        return f"{row.new - row.old:+.2f} dB"
    if row.old_spread and row.new_spread and not row.differs:
        return "within the quartiles"
    if row.change is None:
        return f"{row.new - row.old:+,.{row.digits}f}"
    return f"{row.change:+.1%}" if row.differs else "0"


def verdict(row: NumberChange, limit: BudgetResult | None) -> str:
    """What the limit says; without one, which way it went."""
    if limit is not None:
        return limit.status.upper()
    return {True: "worse", False: "better", None: ""}[row.worse]


def latency_table(found: Diff) -> TextTable:
    """Times with their quartiles, also of those that cannot be told apart."""
    rows = tuple(_latency_row(row) for row in found.numbers if row.what == "latency")
    header = ("target", "old ms", "quartiles", "new ms", "quartiles", "change", "how")
    return TextTable("Latency, one thread", header, rows)


def _latency_row(row: NumberChange) -> tuple[str, ...]:
    ranges = [f"{one.low:.2f} to {one.high:.2f}" if one else NONE for one in (row.old_spread, row.new_spread)]
    values = shown(row.old, 2), shown(row.new, 2)
    return row.target, values[0], ranges[0], values[1], ranges[1], change(row), row.note


def words_tables(found: Diff) -> Iterator[TextTable]:
    """A table for each part that has changes."""
    titles = {
        "signature": "Signatures",
        "operations": "Operations",
        "precisions": "Precisions",
        "metadata": "Metadata",
        "recipe": "Recipe",
        "provenance": "Provenance",
        "libraries": "Libraries",
    }
    for part, title in titles.items():
        rows = _merged([row for row in found.words if row.part == part])
        if rows:
            yield TextTable(title, ("target", "what", "old", "new"), rows)


def _merged(words: Sequence[WordChange]) -> tuple[tuple[str, ...], ...]:
    """A row for each change; targets that share it stand in one."""
    targets: dict[tuple[str, str, str], list[str]] = {}
    for row in words:
        key = (row.key, NONE if row.old is None else row.old, NONE if row.new is None else row.new)
        targets.setdefault(key, []).append(row.target)
    return tuple((", ".join(filter(None, of)), *key) for key, of in targets.items())


def pictures_table(found: Diff) -> TextTable:
    """How near the new pictures are to the old ones."""
    rows = tuple(
        (row.target, "equal" if row.equal else shown(row.psnr, 2), shown(row.max_abs, 0), row.note)
        for row in found.pictures
    )
    return TextTable("Pictures, new against old", ("target", "PSNR dB", "max abs", "note"), rows)
