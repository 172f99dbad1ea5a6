"""Sweep: one recipe at many settings. What they share is built once, the rest in parallel, and all of it compared.

grid -> shared stages -> points -> memory and latency -> picks, plots, sheet, page
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from export_pipeline.base.cores import cores
from export_pipeline.base.files import empty, locked, remove_parts, write_text
from export_pipeline.errors import CheckFailed, PipelineError, UsageError
from export_pipeline.recipe import Recipe, read_toml, recipe_class
from export_pipeline.stage_adapters import checked_task
from export_pipeline.sweep.grid import Point, parse_setting, points
from export_pipeline.sweep.jobs import Job
from export_pipeline.sweep.model import PointResult, Sweep, SweepBenchmark, SweepRecord, SweptPoint
from export_pipeline.sweep.picks import TOLERANCE, check_tolerance
from export_pipeline.sweep.plots import PLOT
from export_pipeline.sweep.point import read_result, run_point, without_files
from export_pipeline.sweep.processes import Engine, Failure, RunJobs, run_jobs
from export_pipeline.sweep.render import TITLE, terminal
from export_pipeline.sweep.stages import Stage, point_key, shared, stages_of

__all__ = ["TOLERANCE", "PointResult", "Sweep", "check", "parse_setting", "run_point", "sweep", "terminal"]

RECORD_FILE, BENCHMARK_FILE, PAGE, SHEET = "sweep.json", "benchmark.json", "sweep.md", "sheet.jpg"
WEB_PAGE = "sweep.html"
WORK = ".work"
RESULTS = {RECORD_FILE, BENCHMARK_FILE, PAGE, WEB_PAGE, SHEET}


@dataclass(frozen=True)
class PlannedPoint:
    """One point with what it takes to run it."""

    point: Point
    checked: Recipe
    stages: tuple[Stage, ...]
    folder: str


def sweep(
    recipe: Path,
    settings: Sequence[str],
    out: Path | None = None,
    *,
    jobs: int | None = None,
    engine: Engine | None = None,
    tolerance: float = TOLERANCE,
    fresh: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Sweep:
    """Run every point of a grid over *recipe* and write the comparison.

    Args:
        recipe: a recipe file.
        settings: as after ``--set``: see :func:`export_pipeline.sweep.grid.parse_setting`.
        out: folder of the results; ``artifacts/sweeps/<name>`` when left out.
        jobs: points at work at a time; as many as there are processors when left out.
        engine: where they run; processes of this machine when left out. Measured is here, by whatever engine.
        tolerance: by what share the picks let the metrics that rank be worse.
        fresh: forget what an earlier run left there.
        say: called with a line at each step.

    Raises:
        UsageError, RecipeError, ImageError, CheckpointError, WeightsError: a point cannot be run as written; nothing
            has been.
        OutputError: a result cannot be written.
    """
    from export_pipeline.report.machine import libraries

    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs is {jobs}; it must be 1 or more")
    check_tolerance(tolerance)
    data, axes = read_toml(recipe), [parse_setting(text) for text in settings]
    grid = points(data, axes, recipe.parent)
    out = (out or Path("artifacts") / "sweeps" / grid[0].recipe.name).resolve()
    _refuse_foreign(out)
    say(f"{len(grid)} points; looking at what they name")
    plans = _planned(grid)
    with locked(out / WORK, "sweep"):
        remove_parts(out)
        if fresh:
            empty(out / WORK)
        with nullcontext(run_jobs) if engine is None else engine as run:
            swept = _run(plans, out, recipe.parent.resolve(), run, jobs, say)
        record = SweepRecord(
            name=grid[0].recipe.name,
            recipe=data,
            settings={axis.path: axis.values for axis in axes},
            libraries=libraries(),
            points=swept,
        )
        return _finished(out, record, plans, min(jobs or cores(), cores()), tolerance, say)


def check(found: Sweep) -> None:
    """Demand that every point could be run. Checks of the recipes that failed are results, not faults.

    Raises:
        CheckFailed: points have no result; each is named.
    """
    if left := found.without_result:
        why = "; ".join(f"{point.label}: {point.result.status}: {point.result.reason}" for point in left)
        raise CheckFailed(f"{len(left)} of {len(found.record.points)} points have no result: {why}")


def _planned(grid: Sequence[Point]) -> list[PlannedPoint]:
    tasks, keys = [], []
    for point in grid:
        try:
            tasks.append(checked_task(point.recipe))
            keys.append(point_key(tasks[-1]))
        except PipelineError as error:
            raise type(error)(f"{point.label}: {error}") from error
    stages = shared({key: stages_of(task, point.data) for key, task, point in zip(keys, tasks, grid, strict=True)})
    return [
        PlannedPoint(point, task.recipe, stages[key], f"{WORK}/point-{key}")
        for point, task, key in zip(grid, tasks, keys, strict=True)
    ]


def _refuse_foreign(out: Path) -> None:
    """A folder with a record or a work folder is a sweep, and so is one of which only other results are left.

    A sweep is committed without its work folder, and made anew by deleting its record.
    """
    if not out.exists() or (out / RECORD_FILE).is_file() or (out / WORK).is_dir():
        return
    page = out / PAGE
    names = {path.name for path in out.iterdir() if not path.name.startswith(".")} if out.is_dir() else {""}
    if names and not (
        all(name in RESULTS or fnmatch(name, PLOT.format("*")) for name in names)
        and page.is_file()
        and page.read_text("utf-8", "replace").startswith(TITLE)
    ):
        raise UsageError(
            f"{out} exists and is not a sweep; it is not overwritten. Choose another output folder, or an empty one."
        )


def _run(
    plans: Sequence[PlannedPoint],
    out: Path,
    relative_to: Path,
    run: RunJobs,
    parallel: int | None,
    say: Callable[[str], None],
) -> tuple[SweptPoint, ...]:
    """The shared stages, first those that others begin with; then the points."""
    waves: list[dict[str, Job]] = [{}, {}, {}]
    for plan in plans:
        before = None
        for depth, stage in enumerate(plan.stages):
            label = f"{stage.kind} for {plan.point.label}"
            job = _job(stage.kind, label, out / WORK / stage.folder, stage.data, before, relative_to)
            waves[depth].setdefault(stage.folder, job)
            before = job
        job = _job("point", plan.point.label, out / plan.folder, plan.point.data, before, relative_to)
        waves[-1].setdefault(plan.folder, job)
    failures: dict[Path, Failure] = {}  # by folder
    for wave in waves:
        blocked = {job.folder: failures[job.after] for job in wave.values() if job.after in failures}
        failures |= blocked
        ready = [job for job in wave.values() if job.folder not in blocked]
        failures |= run(ready, parallel, say)
    return tuple(_swept(plan, out, failures.get(out / plan.folder)) for plan in plans)


def _job(kind: str, label: str, folder: Path, data: Mapping[str, Any], before: Job | None, relative_to: Path) -> Job:
    about = {"kind": kind, "label": label, "folder": folder, "recipe": dict(data), "relative_to": relative_to}
    return Job.model_validate({**about, "after": before.folder if before else None})


def _swept(plan: PlannedPoint, out: Path, failure: Failure | None) -> SweptPoint:
    result = read_result(out / plan.folder) if failure is None else None
    if result is None:
        reason = failure.reason.replace(f"{out}/", "") if failure else "it left no result"
        result = without_files(plan.checked, reason, failure.how if failure else "broken")
    return SweptPoint(label=plan.point.label, overrides=plan.point.overrides, folder=plan.folder, result=result)


def _finished(
    out: Path,
    record: SweepRecord,
    plans: Sequence[PlannedPoint],
    parallel: int,
    tolerance: float,
    say: Callable[[str], None],
) -> Sweep:
    """Measure what needs an idle machine, choose, draw, and write it all down."""
    from export_pipeline.report.machine import machine
    from export_pipeline.sweep.measure import Meter
    from export_pipeline.sweep.page import page
    from export_pipeline.sweep.picks import candidates, picks, reference
    from export_pipeline.sweep.plots import draw_plots
    from export_pipeline.sweep.render import markdown
    from export_pipeline.sweep.sheet import draw_sheet

    runs = max(plan.checked.report.runs for plan in plans)
    meter = Meter(out, out / WORK, runs, parallel, say)
    measured = meter.measured(record.points, {plan.point.label: plan.checked for plan in plans})
    metrics = recipe_class(record.recipe).metrics
    found = candidates(record.points, measured, metrics)
    benchmark = SweepBenchmark(
        name=record.name,
        machine=machine(),
        **{name: getattr(measured.rows, name) for name in type(measured.rows).model_fields},
        yardsticks=measured.yardsticks,
        budgets=measured.budgets,
        tolerance=tolerance,
        picks=picks(found, reference(record.points, metrics), tolerance, metrics),
    )
    made = Sweep(record=record, benchmark=benchmark)
    say("plots and sheet")
    pictures = list(draw_plots(out, record.name, found, metrics))
    if draw_sheet(out / SHEET, out, record.points):
        pictures.insert(0, SHEET)
    write_text(out / RECORD_FILE, record.model_dump_json(indent=1) + "\n")
    write_text(out / BENCHMARK_FILE, benchmark.model_dump_json(indent=1) + "\n")
    write_text(out / PAGE, markdown(made, pictures))
    write_text(out / WEB_PAGE, page(made, out, pictures))
    return made
