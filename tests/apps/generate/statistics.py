"""Median and interquartile range, and the record that a benchmark writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from export_pipeline.report.model import Benchmark

SERIES = [[5.0], [4.0, 2.0], [3.0, 1.0, 2.0], [10.0, 11.5, 9.25, 30.0], [float(i * i % 31) + 1 for i in range(30)]]


MACHINE = {"processor": "Some SoC", "cores": 8, "system": "Some system 16", "libraries": {"runtime": "2.3.0"}}
TIMED = [
    ("dots-fp16.tflite", "GPU", 1, SERIES[4]),
    ("dots-dynamic.tflite", "CPU", 4, SERIES[3]),
]


def latency(milliseconds: list[float]) -> dict[str, Any]:
    """Runs, median, interquartile range and frame rate, as ``export_pipeline.report.latency`` rounds them."""
    low, median, high = (float(value) for value in np.percentile(milliseconds, (25, 50, 75)))
    rounded = {"median_ms": round(median, 4), "iqr_ms": round(high - low, 4), "fps": round(1000 / median, 3)}
    return {"runs": len(milliseconds), **rounded}


def record() -> dict[str, Any]:
    """What a phone writes: a ``benchmark.json`` without Python and without a float network to compare with."""
    skipped = {"dots-int8.tflite": "it does not load"}
    given, rows = [], []
    for file, runtime, threads, series in TIMED:
        row = {"file": file, "runtime": runtime, "version": "2.3.0", "threads": threads, "width": 480, "height": 640}
        given.append({**row, "milliseconds": series})
        rows.append({**row, "processor": MACHINE["processor"], **latency(series)})
    document = {
        "format": 1,
        "name": "dots",
        "machine": {**MACHINE, "python": "none"},
        "float_file": "",
        "latency": rows,
    }
    document |= {"memory": [], "skipped": skipped, "budgets": []}
    Benchmark.model_validate(document)  # the project reads it
    return {"name": "dots", "machine": MACHINE, "timed": given, "skipped": skipped, "expected": document}


def cases(save: Callable[[str, bytes], None]) -> dict[str, Any]:
    """The cases of ``statistics.json``; milliseconds, quartiles between the two nearest (NumPy's default)."""
    return {"series": [{"milliseconds": series, **latency(series)} for series in SERIES], "records": [record()]}
