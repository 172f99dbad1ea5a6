"""What the runs of Apple's further suites found: ``suites.json``, and its part of SUPPORT.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.conformance.causes import cause_of_message

PATH = Path(__file__).with_name("suites.json")
_COUNTS = ("collected", "compared", "passed", "failed", "skipped", "nothing to compare")
_TEXT = """## Apple's further suites

The tests of the front ends, of the models and of compression out of the same wheel, by `make frontends`. `there` are
the cases of the suite, `run` those that were run: all, or a sample in the order of a hash of their names. A case that
fails may have compared nothing yet, so that `failed` is no part of `compared`. Of `optimize` most cases predict
nothing; of those of `coreml/test_post_training_quantization.py`, many do: they came first. Tests of scikit-learn and
XGBoost would fetch house prices: random numbers take their place.
"""


def read() -> dict[str, Any]:
    """By suite: ``{"versions", "there", "counts", "failures", "uncollected"}``."""
    found: dict[str, Any] = json.loads(PATH.read_text("utf-8")) if PATH.exists() else {}
    return found


def keep(name: str, results: Mapping[str, Any]) -> None:
    """Keep what a run of the suite *name* found, in the place of an earlier run."""
    counts = {key: sum(row[key] for row in results["backends"].values()) for key in _COUNTS}
    kept = {key: results[key] for key in ("versions", "there", "failures", "uncollected")}
    found = dict(sorted({**read(), name: {**kept, "counts": counts}}.items()))
    PATH.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def lines() -> Iterator[str]:
    """The part of the page; nothing before the first run."""
    found = read()
    if not found:
        return
    yield _TEXT
    yield "| suite | with | there | run | compared | passed | failed | skipped | nothing to compare |"
    yield "|" + "---|" * 9
    for name, row in found.items():
        versions = ", ".join(f"{key} {value}" for key, value in row["versions"].items() if key in _SHOWN)
        counts = [row["there"], *(row["counts"][key] for key in _COUNTS)]
        yield f"| {name} | {versions} | " + " | ".join(map(str, counts)) + " |"
    yield ""
    failures = [(name, each) for name, row in found.items() for each in row["failures"]]
    if failures:
        yield "| suite | test that fails | backend | cases | cause |"
        yield "|---|---|---|---|---|"
        for name, each in failures:
            cause = cause_of_message(each["test"], each["message"])
            yield f"| {name} | `{each['test']}` | {each['backend']} | {each['cases']} | {cause} |"
        yield ""
    for name, row in found.items():
        if row["uncollected"]:
            listed = ", ".join(f"`{file}` ({why})" for file, why in row["uncollected"].items())
            yield f"Not collected of {name}: {listed}.\n"


_SHOWN = ("coremltools", "numpy", "torch", "tensorflow")
