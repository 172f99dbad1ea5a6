"""Turns the lines of a run, one for each case, into the counts that are kept."""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

BACKENDS = ("mlprogram", "neuralnetwork", "none")
_VERSIONS = ("coremltools", "numpy", "onnx", "onnxruntime")


def read(path: Path) -> list[dict[str, Any]]:
    """The cases of a run."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def summarize(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Counts by backend, by file and by operation, why cases were skipped, and every failure."""
    rows = list(rows)
    return {
        "versions": {name: importlib.metadata.version(name) for name in _VERSIONS},
        "backends": {name: _counts(row for row in rows if row["backend"] == name) for name in BACKENDS},
        "files": {name: _counts(found) for name, found in sorted(_by_file(rows).items())},
        "skipped": dict(Counter(row["reason"] for row in rows if row["outcome"] == "skipped").most_common()),
        "uncollected": {row["name"]: row["reason"] for row in rows if row["outcome"] == "uncollected"},
        "failures": _failures(rows),
        "used": _used(rows),
    }


def _counts(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    rows = [row for row in rows if row["outcome"] != "uncollected"]
    compared = [row for row in rows if row["compared"] and row["outcome"] != "skipped"]
    return {
        "collected": len(rows),
        "compared": len(compared),
        "passed": sum(row["outcome"] == "passed" for row in compared),
        "failed": sum(row["outcome"] == "failed" for row in rows),
        "skipped": sum(row["outcome"] == "skipped" for row in rows),
        "nothing to compare": sum(row["outcome"] == "passed" and not row["compared"] for row in rows),
    }


def _by_file(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for row in rows:
        found[row["name"].split("::")[0]].append(row)
    return found


def _failures(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Failing tests with how many of their cases fail and the first cause that they give."""
    grouped: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        if row["outcome"] == "failed":
            grouped[row["name"].split("[")[0], row["backend"]].append(row["reason"])
    return [
        {"test": test, "backend": backend, "cases": len(reasons), "cause": _shortened(reasons[0])}
        for (test, backend), reasons in sorted(grouped.items())
    ]


def _shortened(reason: str) -> str:
    # Random inputs differ from run to run: numbers after the first sentence say nothing.
    return re.sub(r"\s+", " ", reason)[:160]


def _used(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, list[int]]]:
    """For each operation or layer, in how many compared cases it takes part and how many of these pass."""
    found: dict[str, dict[str, list[int]]] = {"mlprogram": {}, "neuralnetwork": {}}
    for row in rows:
        if not row["compared"] or row["outcome"] == "skipped":
            continue
        for name in row["used"]:
            backend = "neuralnetwork" if row["backend"] == "neuralnetwork" else "mlprogram"
            counts = found[backend].setdefault(name, [0, 0])
            counts[0] += 1
            counts[1] += row["outcome"] == "passed"
    return {backend: dict(sorted(counts.items())) for backend, counts in found.items()}
