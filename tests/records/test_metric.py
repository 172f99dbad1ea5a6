"""What a metric says of two values."""

from __future__ import annotations

import dataclasses
import math

import pytest

from export_pipeline.records.metric import Metric, badness

LOWER = Metric("error", "error", "lower", 3, "an error", ranks=True)
HIGHER = dataclasses.replace(LOWER, name="score", better="higher")
NEAR = Metric("share", "share", "neither", 3, "a share", within=0.02)


def test_which_side_of_a_limit_is_worse() -> None:
    assert [LOWER.worse_than(value, 1) for value in (0.9, 1, 1.1, math.nan)] == [False, False, True, True]
    assert [HIGHER.worse_than(value, 1) for value in (0.9, 1, 1.1, math.nan)] == [True, False, False, True]
    assert [metric.has_limits for metric in (LOWER, HIGHER, NEAR)] == [True, True, False]


@pytest.mark.parametrize(
    ("value", "strays"), [(0.5, False), (0.5099, False), (0.4899, True), (0.511, True), (0, True), (math.nan, True)]
)
def test_a_metric_that_must_stay_near_the_float_network(value: float, strays: bool) -> None:
    assert NEAR.strays(value, 0.5) is strays
    assert not LOWER.strays(value, 0.5)


def test_where_the_float_network_has_nothing_a_file_must_have_nothing() -> None:
    assert not NEAR.strays(0, 0)
    assert NEAR.strays(1e-6, 0)


def test_badness_adds_what_ranks_up_so_that_less_is_better() -> None:
    values = {"error": 0.25, "score": 0.75, "share": 9.0}
    assert badness((LOWER, HIGHER, NEAR), values) == -0.5
    assert math.isnan(badness((LOWER,), {"error": math.inf}))
