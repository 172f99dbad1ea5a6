"""``make conformance``: run Apple's tests as they lie in the coremltools wheel, and keep what they find.

``python -m tests.conformance`` runs all of operations and writes ``results.json`` and ``SUPPORT.md``;
``python -m tests.conformance iOS17/test_conv.py -k name`` runs some and only prints the table. ``--suite torch`` runs
those of a front end, of the models or of compression, ``--seconds 600`` a fair sample of as many as there is time for;
what such a run finds goes into ``suites.json`` and ``SUPPORT.md``, unless further arguments choose cases. ``--record
FILE`` keeps a line for each case there, and leaves out those that it has already: a run that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.conformance.summary import UNCOLLECTED, missed, read, summarize

ROOT = Path(__file__).parent.parent.parent
# pytest ran all that it was asked to: everything passed, something failed, or an earlier run had done it all.
_FINISHED = (0, 1)
_NOTHING_LEFT = 5
OPERATIONS = "mil"
COMPRESSION = "optimize"
# Where Apple's tests lie in the wheel.
SUITES = {
    OPERATIONS: "converters/mil/mil/ops/tests",
    "torch": "converters/mil/frontend/torch/test",
    "tensorflow": "converters/mil/frontend/tensorflow/test",
    "tensorflow2": "converters/mil/frontend/tensorflow2/test",
    "models": "test",
    COMPRESSION: "test/optimize",
}
_LEFT_OUT = {"models": (COMPRESSION,)}  # a suite of its own
# What pytest is given when nothing is chosen: it takes the options of a conftest.py from folders that it is given only.
_PARTS = {COMPRESSION: ("api", "coreml", "torch", "test_utils.py")}


def suite(name: str = OPERATIONS) -> Path:
    """The folder of Apple's tests in the installed wheel."""
    spec = importlib.util.find_spec("coremltools")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("coremltools is not installed here")
    return Path(spec.submodule_search_locations[0]) / SUITES[name]


def run(
    arguments: list[str], name: str = OPERATIONS, seconds: float | None = None, kept: Path | None = None
) -> dict[str, Any]:
    """Run the tests that pytest's *arguments* name, paths inside the suite, in a process of their own.

    The file *kept* has a line for each case, and stays; cases that it has already are not run again.
    """
    base = suite(name)
    inside = [(base / part.split("::")[0]).exists() for part in arguments]
    named = [str(base / part) if there else part for part, there in zip(arguments, inside, strict=True)]
    named += [] if any(inside) else [str(base / part) for part in _PARTS.get(name, ("",))]
    with tempfile.TemporaryDirectory() as folder:
        record = kept.resolve() if kept else Path(folder) / "cases.jsonl"
        record.parent.mkdir(parents=True, exist_ok=True)
        record.touch()
        # Files are collected anew each time.
        found = [row for row in read(record) if row["outcome"] != UNCOLLECTED]
        record.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
        environment = {**os.environ, "CONFORMANCE_RECORD": str(record), "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        if name != OPERATIONS:  # the tests are written for Keras 2
            environment |= {"CONFORMANCE_EVERYWHERE": "1", "TF_USE_LEGACY_KERAS": "1"}
        # Compression of several kinds at once begins with iOS 18; the tests leave out all but iOS 16 unless asked.
        environment |= {"RUN_BACKWARD_COMPATIBILITY": "1"} if name == COMPRESSION else {}
        if seconds is not None:
            environment["CONFORMANCE_SECONDS"] = str(seconds)
        options = ["-p", "tests.conformance.plugin", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={base}"]
        options += ["-q", "--tb=no", "-W", "ignore", "--continue-on-collection-errors", "--no-summary"]
        options += [f"--ignore={base / part}" for part in _LEFT_OUT.get(name, ())]
        command = [sys.executable, "-m", "pytest", *options, *named]
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False, stdout=sys.stderr).returncode
        if code not in _FINISHED and not (code == _NOTHING_LEFT and kept):
            sys.exit(f"pytest ended with {code} before it had run everything; no result is kept")
        results = summarize(read(record))
        there = int(Path(f"{record}.total").read_text(encoding="utf-8"))
        return results if name == OPERATIONS else {**results, "there": there}


def table(results: dict[str, Any]) -> str:
    """The counts by backend, for reading."""
    names = list(next(iter(results["backends"].values())))
    lines = [" | ".join(["backend", *names])]
    lines += [" | ".join([name, *(str(n) for n in row.values())]) for name, row in results["backends"].items()]
    lines += [f"{f['cases']} {f['backend']} {f['test']}: {f['message']}" for f in results["failures"]]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run, print, and keep the results of a full run, which gives 1 if it misses a part of the targets."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("--suite", choices=SUITES, default=OPERATIONS)
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--record", type=Path, default=None)
    own, chosen = parser.parse_known_args(arguments)
    results = run(chosen, own.suite, own.seconds, own.record)
    print(table(results))
    if chosen or (own.suite == OPERATIONS and own.seconds is not None):
        return 0
    from tests.conformance import suites, support
    from tests.conformance.record import PATH, RESULTS

    if own.suite != OPERATIONS:
        suites.keep(own.suite, results)
        support.write(RESULTS)
        return 0
    PATH.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    support.write(results)
    problems = missed(results)
    print("\n".join(problems))
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
