"""Median and interquartile range, and the row that a benchmark writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

SERIES = [[5.0], [4.0, 2.0], [3.0, 1.0, 2.0], [10.0, 11.5, 9.25, 30.0], [float(i * i % 31) + 1 for i in range(30)]]


def cases(save: Callable[[str, bytes], None]) -> dict[str, Any]:
    """The cases of ``statistics.json``; milliseconds, quartiles between the two nearest (NumPy's default)."""
    rows = []
    for series in SERIES:
        low, median, high = (float(value) for value in np.percentile(series, (25, 50, 75)))
        row = {"median_ms": round(median, 4), "iqr_ms": round(high - low, 4), "fps": round(1000 / median, 3)}
        rows.append({"milliseconds": series, "runs": len(series), **row})
    return {"series": rows}
