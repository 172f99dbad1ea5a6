"""Turns the lines of a run, one for each case, into the counts that are kept."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.conformance.causes import NOT_EXPLAINED, cause_of

# Of each backend, the least cases that a full run compares, and the least share of these that pass.
TARGETS = {"mlprogram": (4000, 0.98), "neuralnetwork": (1300, 0.90)}
UNCOLLECTED = "uncollected"  # the outcome of a file
BACKENDS = ("mlprogram", "neuralnetwork", "none")
_VERSIONS = ("coremltools", "numpy", "onnx", "onnxruntime")


def read(path: Path) -> list[dict[str, Any]]:
    """The cases of a run, and the files that could not be collected, once each if the run was interrupted."""
    rows = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    return list({row["name"]: row for row in rows}.values())


def summarize(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Counts by backend, by file and by operation, why cases were skipped, and every failure."""
    rows = list(rows)
    return {
        "versions": _versions(),
        "backends": {name: _counts(row for row in rows if row["backend"] == name) for name in BACKENDS},
        "files": {name: _counts(found) for name, found in sorted(_by_file(rows).items())},
        "skipped": dict(Counter(row["reason"] for row in rows if row["outcome"] == "skipped").most_common()),
        "uncollected": {row["name"]: row["reason"] for row in rows if row["outcome"] == UNCOLLECTED},
        "failures": _failures(rows),
        "used": _used(rows),
    }


def _versions() -> dict[str, str]:
    """Of what a run depends on; PyTorch where it is installed."""
    there = importlib.util.find_spec("torch") is not None
    return {name: importlib.metadata.version(name) for name in (*_VERSIONS, *(("torch",) if there else ()))}


def missed(results: dict[str, Any]) -> list[str]:
    """Which targets a full run misses, and which of its failures have no known cause: a sentence each."""
    found = []
    for backend, (least, share) in TARGETS.items():
        counts = results["backends"][backend]
        if counts["compared"] < least:
            found.append(f"{backend}: {counts['compared']} cases compare numbers, fewer than {least}")
        if counts["passed"] < share * counts["compared"]:
            found.append(f"{backend}: {counts['passed']} of {counts['compared']} cases pass, fewer than {share:.0%}")
    tests = [failure["test"] for failure in results["failures"]]
    return found + [f"{test} fails and is not in causes.py" for test in tests if cause_of(test) == NOT_EXPLAINED]


def _counts(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    rows = [row for row in rows if row["outcome"] != UNCOLLECTED]
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
    """Failing tests with how many of their cases fail and what the first of these says."""
    grouped: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        if row["outcome"] == "failed":
            grouped[row["name"].split("[")[0], row["backend"]].append(row["reason"])
    return [
        {"test": test, "backend": backend, "cases": len(reasons), "message": _shortened(reasons[0])}
        for (test, backend), reasons in sorted(grouped.items())
    ]


def _shortened(reason: str) -> str:
    # Addresses differ from run to run.
    return re.sub(r"\s+", " ", re.sub(r" at 0x[0-9a-f]+", "", reason))[:160]


def _used(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, dict[str, list[int]]]]:
    """For each operation and opset, or layer, in how many compared cases it takes part and how many of these pass."""
    found: dict[str, dict[str, dict[str, list[int]]]] = {"mlprogram": {}, "neuralnetwork": {}}
    for row in rows:
        if not row["compared"] or row["outcome"] == "skipped":
            continue
        for name, opset in row["used"]:
            backend = "neuralnetwork" if row["backend"] == "neuralnetwork" else "mlprogram"
            counts = found[backend].setdefault(name, {}).setdefault(opset, [0, 0])
            counts[0] += 1
            counts[1] += row["outcome"] == "passed"
    return {
        backend: {name: dict(sorted(counts.items())) for name, counts in sorted(names.items())}
        for backend, names in found.items()
    }
