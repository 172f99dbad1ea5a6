"""Diff: what has changed from one build to another, held to the limits of the recipe.

read both -> files, numbers, words -> times in one run -> pictures -> limits -> text, Markdown, page
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from export_pipeline.diff.model import Diff, FileChange, NumberChange, PictureChange, Side, WordChange
from export_pipeline.diff.numbers import number_changes
from export_pipeline.diff.page import page
from export_pipeline.diff.pictures import Sheet, picture_sheet
from export_pipeline.diff.render import markdown, terminal
from export_pipeline.diff.words import file_changes, word_changes
from export_pipeline.errors import UsageError
from export_pipeline.recipe import Recipe
from export_pipeline.report import BudgetResult, Release, check_budgets, read_release
from export_pipeline.report.budgets import Value, judge
from export_pipeline.report.regression import (
    LATENCY,
    MEMORY,
    Paths,
    Times,
    file_regressions,
    machine_regressions,
    times_of,
)

__all__ = [
    "Diff",
    "FileChange",
    "NumberChange",
    "PictureChange",
    "Sheet",
    "Side",
    "WordChange",
    "check",
    "diff",
    "markdown",
    "page",
    "picture_sheet",
    "read_release",
    "terminal",
]


def diff(
    old: Release,
    new: Release,
    limits: Recipe | None = None,
    *,
    sheet: Sheet | str | None = None,
    timed: bool = False,
    runs: int = 30,
    say: Callable[[str], None] = lambda line: None,
) -> Diff:
    """What has changed from *old* to *new*.

    Args:
        old, new: bundles or reports, as :func:`read_release` reads them.
        limits: the recipe whose ``[report.regression]`` counts; the new build's own when left out.
        sheet: the pictures, where they were made.
        timed: whether to time the files of both in one run. What has a limit on speed or memory is measured anyway.
        runs: of each file.
        say: called with a line at each step.

    Raises:
        UsageError: the two are of different tasks, so that their numbers do not compare.
    """
    if old.record.recipe.task != new.record.recipe.task:
        raise UsageError(
            f"{old.path} is of task {old.record.recipe.task}, {new.path} of {new.record.recipe.task}: "
            "their numbers do not compare. Name two builds of one task."
        )
    recipe = limits or new.record.recipe
    rows = list(file_regressions(recipe, old, new.record.files, new.record.parity))
    paths = {row.target: path for row in new.record.files if (path := new.path_of(row.target)) is not None}
    size = (new.record.recipe.export.height, new.record.recipe.export.width)
    regression = recipe.report.regression
    if regression and regression.measures:
        say("speed and memory of both, in one run")
        rows += machine_regressions(recipe, old, paths, runs, size, say)
        rows += _unmeasured(new, paths, regression.latency is not None, regression.peak_memory_bytes is not None)
    times = _times(old, paths, runs, size, say) if timed else {}
    files = file_changes(old, new)
    shown = (sheet.networks, *sheet.files) if isinstance(sheet, Sheet) else ()
    return Diff(
        old=_side(old),
        new=_side(new),
        files=files,
        numbers=tuple(number_changes(old, new, times)),
        words=tuple(word_changes(old, new, files)),
        pictures=tuple(one.change for one in shown),
        notes=(f"No pictures: {sheet}.",) if isinstance(sheet, str) else (),
        limits=tuple(rows),
    )


def check(found: Diff) -> None:
    """Demand that every limit is kept.

    Raises:
        CheckFailed: one is not, or could not be looked at.
        Undecided: none is broken, but the machine is too busy to tell of all.
    """
    check_budgets(found.limits)


def _times(
    old: Release, paths: Mapping[str, Path], runs: int, size: tuple[int, int], say: Callable[[str], None]
) -> Times:
    """Every file that both have and that lies here, timed in one run."""
    pairs = {target: Paths(before, path) for target, path in paths.items() if (before := old.path_of(target))}
    if not pairs:
        raise UsageError("nothing to time: a report has no model files. Name two bundles, or leave out --time.")
    return times_of(pairs, runs, size, say=say)


def _unmeasured(new: Release, paths: Mapping[str, Path], speed: bool, memory: bool) -> list[BudgetResult]:
    """Limits on what cannot be measured, for the new files do not lie here."""
    missing = Value(None, f"the file does not lie in {new.path}, so that it cannot be run")
    whats = [*([LATENCY] if speed else []), *([MEMORY] if memory else [])]
    gone = [row.target for row in new.record.files if row.target not in paths]
    return [judge(target, what, "most", 0.0, missing) for target in gone for what in whats]


def _side(release: Release) -> Side:
    return Side(
        path=str(release.path),
        name=release.record.name,
        files=len(release.record.files),
        processor=release.benchmark.machine.processor if release.benchmark else "",
    )
