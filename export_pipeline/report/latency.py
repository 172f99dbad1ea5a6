"""How long one run takes: all files of a comparison in one otherwise idle process, in turns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.base.cores import cores
from export_pipeline.errors import ModelError, UsageError
from export_pipeline.formats import check_there, format_of
from export_pipeline.report.machine import processor
from export_pipeline.report.model import LatencyResult
from export_pipeline.report.worker import ask

LEAST_RUNS = 30
DEFAULT_SIZE = (256, 256)


def benchmark(
    paths: Sequence[Path | str],
    runs: int = LEAST_RUNS,
    threads: int | Sequence[int] | None = None,
    size: tuple[int, int] = DEFAULT_SIZE,
) -> list[LatencyResult]:
    """Time model files of any format against one another.

    For each number of threads one fresh process opens all files, warms each up, and runs them in turns:
    what disturbs the machine disturbs all of them alike. Only the run itself is timed, on noise in the
    file's own layout and type.

    Args:
        paths: model files.
        runs: timed runs of each, 30 or more.
        threads: a number of threads, or several; ``None`` is one, then all.
        size: height and width for files that take any size.

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
    rows, errors = measure(paths, runs, threads, size)
    if errors:
        raise ModelError("; ".join(dict.fromkeys(errors.values())))
    return rows


def measure(
    paths: Sequence[Path | str], runs: int, threads: int | Sequence[int] | None, size: tuple[int, int]
) -> tuple[list[LatencyResult], dict[str, str]]:
    """As :func:`benchmark`; a file that cannot run is named with its reason, and the others are measured."""
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
    rows, errors, name = [], {}, processor()
    clash = len({Path(path).name for path in paths}) < len({str(path) for path in paths})
    for count in counts:
        job = {
            "task": "latency",
            "paths": [str(path) for path in paths],
            "runs": runs,
            "threads": count,
            "height": size[0],
            "width": size[1],
        }
        for path, answer in ask(job).items():
            if "error" in answer:
                errors[path] = str(answer["error"])
            else:
                rows.append(_row(path if clash else Path(path).name, answer, count, name))
    return rows, errors


def _row(file: str, answer: dict[str, Any], threads: int, name: str) -> LatencyResult:
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
    )
