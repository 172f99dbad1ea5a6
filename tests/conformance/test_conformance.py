"""A representative part of Apple's own operation tests, and that SUPPORT.md says what the full run found."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.conformance import support
from tests.conformance.__main__ import run
from tests.conformance.record import RESULTS

# One case or a few of every operation: what the tests call a smoke test.
PART = [
    "iOS14",
    "iOS15",
    "iOS16",
    "iOS17/test_scatter_gather.py",
    "iOS17/test_image_resizing.py",
    "iOS18/test_states.py",
]
CHOICE = "smoke and not epsilon and not TestScatter"


@pytest.fixture(scope="module")
def part() -> dict[str, Any]:
    return run([*PART, "-k", CHOICE])


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself is there")
@pytest.mark.parametrize(("backend", "least"), [("mlprogram", 150), ("neuralnetwork", 100)])
def test_smoke_tests_pass_or_are_listed(part: dict[str, Any], backend: str, least: int) -> None:
    assert part["backends"][backend]["compared"] >= least
    listed = {(failure["test"], failure["backend"]) for failure in RESULTS["failures"]}
    failed = {(failure["test"], failure["backend"]) for failure in part["failures"]}
    assert failed <= listed


def test_full_run_reaches_its_target() -> None:
    for backend, share in (("mlprogram", 0.98), ("neuralnetwork", 0.90)):
        counts = RESULTS["backends"][backend]
        assert counts["passed"] >= share * counts["compared"] > 0


def test_every_failure_is_counted() -> None:
    failed = sum(counts["failed"] for counts in RESULTS["backends"].values())
    assert sum(failure["cases"] for failure in RESULTS["failures"]) == failed


def test_support_says_what_the_code_and_the_full_run_say() -> None:
    assert support.PATH.read_text("utf-8") == support.text(RESULTS)
