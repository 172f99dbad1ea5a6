"""The times of a build: the files of each size beside the float network at that size, in one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from export_pipeline.recipe import Recipe
from export_pipeline.report.budgets import speed_limits
from export_pipeline.report.latency import measure
from export_pipeline.report.model import LatencyResult, Record
from export_pipeline.targets import split_size


def measure_sizes(
    folder: Path,
    record: Record,
    yardstick: Path,
    recipe: Recipe,
    unmeasured: Mapping[str, str],
    say: Callable[[str], None] = lambda line: None,
) -> tuple[list[LatencyResult], dict[str, str]]:
    """Times of the files and the yardstick, size by size; of the yardstick those at the first size are kept."""
    rows: list[LatencyResult] = []
    errors: dict[str, str] = {}
    for name, sides in zip(("", *recipe.export.further), recipe.export.all_sides, strict=True):
        own = {row.target: str(folder / row.file) for row in record.files if split_size(row.target)[1] == name}
        paths = [str(yardstick), *(path for path in own.values() if Path(path).name not in unmeasured)]
        if name and len(paths) == 1:
            continue
        against = dict.fromkeys(own.values(), str(yardstick))
        found, wrong = measure(paths, recipe.report.runs, None, sides, against, speed_limits(recipe, own), say=say)
        rows += [row for row in found if not name or row.file != yardstick.name]
        errors |= wrong
    return rows, errors
