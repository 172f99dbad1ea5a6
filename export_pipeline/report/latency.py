"""How long one run takes: all files of a comparison in one otherwise idle process, in turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.base.cores import cores
from export_pipeline.base.counting import Count
from export_pipeline.errors import ModelError, UsageError
from export_pipeline.formats import check_there, format_of
from export_pipeline.report.machine import processor
from export_pipeline.report.model import LatencyResult, Spread
from export_pipeline.report.worker import ask

LEAST_RUNS = 30
ATTEMPTS = 3  # at a comparison that scatters more than it is off its limit
DEFAULT_SIZE = (256, 256)


def benchmark(
    paths: Sequence[Path | str],
    runs: int = LEAST_RUNS,
    threads: int | Sequence[int] | None = None,
    size: tuple[int, int] = DEFAULT_SIZE,
    say: Callable[[str], None] = lambda line: None,
) -> list[LatencyResult]:
    """Time model files of any format against one another.

    For each number of threads one fresh process opens all files, warms each up, and runs them in turns:
    what disturbs the machine disturbs all of them alike. Only the run itself is timed, on noise in the
    file's own layout and type; a short one follows another of the same file, as frames of a video do.

    Args:
        paths: model files.
        runs: timed runs of each, 30 or more.
        threads: a number of threads, or several; ``None`` is one, then all.
        size: height and width for files that take any size.
        say: called with a line before each number of threads, and with how far it is.

    Returns:
        A row for each number of threads and each file, in order. Files go by their names, or by their
        paths where two have one name.

    Raises:
        ModelError: a file cannot be opened or run.
        UsageError: an argument is out of range.
    """
    for path in paths:
        format_of(path)
        check_there(Path(path))
    rows, errors = measure(paths, runs, threads, size, say=say)
    if errors:
        raise ModelError("; ".join(dict.fromkeys(errors.values())))
    return rows


def measure(
    paths: Sequence[Path | str],
    runs: int,
    threads: int | Sequence[int] | None,
    size: tuple[int, int],
    against: Mapping[str, str] | None = None,
    limits: Mapping[str, float] | None = None,
    asked: Callable[..., Any] = ask,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[list[LatencyResult], dict[str, str]]:
    """As :func:`benchmark`; a file that cannot run is named with its reason, and the others are measured.

    Args:
        against: the path that a path is compared with, turn by turn: what slows down one slows down the other. The
            row's ``ratio`` is FPS as a multiple of the other's.
        limits: of these ratios, on one thread. One that scatters more than it is off its limit is measured anew, up to
            :data:`ATTEMPTS` times in all, and the attempt that scatters least is kept, whatever it says.
        asked: does a job of the worker, and tells a second argument how many turns are done.
        say: as of :func:`benchmark`.
    """
    wanted = (1, cores()) if threads is None else (threads,) if isinstance(threads, int) else threads
    counts = tuple(dict.fromkeys(wanted))
    if runs < LEAST_RUNS:
        raise UsageError(
            f"runs is {runs}; it must be {LEAST_RUNS} or more, for a median and quartiles to mean something"
        )
    if not paths or not counts or min(counts) < 1:
        raise UsageError(
            f"name at least one model file, and 1 thread or more; got {len(paths)} files, threads {counts}"
        )
    against, job = against or {}, {"task": "latency", "runs": runs, "height": size[0], "width": size[1]}
    rows, errors, name = [], {}, processor()
    clash = len({Path(path).name for path in paths}) < len({str(path) for path in paths})
    for count in counts:
        what = f"latency of {len(paths)} files, {count} thread{'s' * (count > 1)}"
        say(f"{what}: {runs} runs each, in turns")
        answers = asked({**job, "paths": [str(path) for path in paths], "threads": count}, Count(say, what, runs))
        for path, answer in answers.items():
            if "error" in answer:
                errors[path] = str(answer["error"])
                continue
            ratio = _ratio(answers, path, against)
            if count == 1 and ratio and limits and path in limits:
                ratio = _clearest(ratio, limits[path], partial(_compared, asked, job, path, against, say))
            rows.append(_row(path if clash else Path(path).name, answer, count, name, ratio))
    return rows, errors


def _compared(
    asked: Callable[..., Any],
    job: Mapping[str, Any],
    path: str,
    against: Mapping[str, str],
    say: Callable[[str], None],
) -> Spread | None:
    """*path* measured once more, alone with what it is compared with, on one thread."""
    what = f"latency of {Path(path).name} once more, for it scatters"
    say(what)
    return _ratio(
        asked({**job, "paths": [against[path], path], "threads": 1}, Count(say, what, job["runs"])), path, against
    )


def _clearest(first: Spread, limit: float, again: Callable[[], Spread | None]) -> Spread:
    """Of *first* and further attempts the one that scatters least; none is made once that is clear of *limit*."""
    calmest = first
    for _ in range(ATTEMPTS - 1):
        if calmest.clear_of(limit) or not (more := again()):
            break
        calmest = min(calmest, more, key=lambda one: one.iqr / one.median)
    return calmest


def _ratio(answers: Mapping[str, Any], path: str, against: Mapping[str, str]) -> Spread | None:
    """FPS of *path* as a multiple of those of what it is compared with, of each turn; ``None`` without such."""
    own, other = (answers.get(one, {}).get("seconds") for one in (path, against.get(path, "")))
    return spread(np.asarray(other) / np.asarray(own), 4) if own and other else None


def spread(values: Any, digits: int) -> Spread:
    """Median and quartiles of *values*."""
    low, median, high = (round(float(value), digits) for value in np.percentile(values, (25, 50, 75)))
    return Spread(low=low, median=median, high=high)


def _row(file: str, answer: dict[str, Any], threads: int, name: str, ratio: Spread | None) -> LatencyResult:
    low, median, high = np.percentile(answer["seconds"], (25, 50, 75)) * 1000
    return LatencyResult(
        file=file,
        runtime=answer["runtime"],
        version=answer["version"],
        threads=threads,
        processor=name,
        height=answer["height"],
        width=answer["width"],
        runs=len(answer["seconds"]),
        median_ms=round(float(median), 4),
        iqr_ms=round(float(high - low), 4),
        fps=round(1000 / float(median), 3),
        low_ms=round(float(low), 4),
        high_ms=round(float(high), 4),
        ratio=ratio,
    )
