"""Fronts and picks, on made-up numbers."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export_pipeline.errors import UsageError
from export_pipeline.report import BudgetResult
from export_pipeline.report.model import Spread
from export_pipeline.sweep.measure import Measurement
from export_pipeline.sweep.model import Pick
from export_pipeline.sweep.picks import (
    candidates,
    check_tolerance,
    corner_distances,
    front,
    front_apart,
    picks,
    reference,
)
from tests.sweep.material import METRICS, TARGET, Timed, measurement, point

PAIRS = st.tuples(st.integers(0, 9), st.integers(0, 9))
POSITIVE = st.floats(0.01, 100)
POINTS = ((point(8, 800, 0.200), 10.0), (point(4, 400, 0.207), 9.9), (point(2, 300, 0.300), 5.0))


@given(st.lists(PAIRS, max_size=30))
def test_the_front_is_what_nothing_beats(values: list[tuple[int, int]]) -> None:
    kept = front(values)
    for index, value in enumerate(values):
        beaten = any(
            other != value and other[0] <= value[0] and other[1] <= value[1] for at, other in enumerate(values)
        )
        assert (value in [values[one] for one in kept]) == (not beaten), (index, value)
    assert [values[one] for one in kept] == sorted({values[one] for one in kept})


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=9), POSITIVE)
def test_distance_from_the_corner_knows_no_units(rows: list[tuple[float, float]], unit: float) -> None:
    away = corner_distances(rows, (2.0, 1.05))
    scaled = corner_distances([(unit * first, second) for first, second in rows], (2.0, 1.05))
    assert away == pytest.approx(scaled, abs=1e-9)
    assert min(away) >= 0


def test_a_doubling_of_a_cost_is_as_far_as_a_rise_by_the_tolerance() -> None:
    assert corner_distances([(1, 1), (2, 1), (1, 1.05), (4, 1.05**2)], (2.0, 1.05)) == pytest.approx([0, 1, 1, 8**0.5])


def picked(timed: Timed, measured: Measurement, tolerance: float = 0.05) -> dict[str, Pick]:
    points = [point for point, _ in timed]
    return {
        pick.name: pick
        for pick in picks(candidates(points, measured, METRICS), reference(points, METRICS), tolerance, METRICS)
    }


def chosen(timed: Timed, measured: Measurement, tolerance: float = 0.05) -> dict[str, str | None]:
    return {name: pick.point for name, pick in picked(timed, measured, tolerance).items()}


def test_picks_are_by_their_rules() -> None:
    # 4 bits: 3.5 % above the float network, half the bytes of 8. 2 bits: 50 % above.
    assert chosen(POINTS, measurement(POINTS)) == dict.fromkeys(("smallest", "fastest", "balanced"), "compress.bits=4")
    assert chosen(POINTS, measurement(POINTS), 0.01) == {
        "smallest": "compress.bits=8",
        "fastest": "compress.bits=8",
        "balanced": "compress.bits=8",
    }
    loose = chosen(POINTS, measurement(POINTS), 0.6)
    assert loose["smallest"] == loose["fastest"] == "compress.bits=2"


def test_content_counts_as_style_does() -> None:
    points = ((point(8, 800, 0.2), 10.0), (point(4, 400, 0.2, content=0.6), 9.0))
    assert chosen(points, measurement(points))["smallest"] == "compress.bits=8"


def test_what_failed_or_missed_a_budget_is_not_picked() -> None:
    points = ((point(8, 800, 0.2), 10.0), (point(4, 400, 0.2, status="failed", reasons=("parity: low",)), 9.0))
    assert chosen(points, measurement(points))["smallest"] == "compress.bits=8"
    found = measurement(POINTS)
    slow = BudgetResult(target=TARGET, what="fps_ratio", rule="least", limit=9, measured=2, status="failed")
    missed = Measurement(found.rows, found.yardsticks, {"compress.bits=4": (slow,)})
    assert chosen(POINTS, missed)["smallest"] == "compress.bits=8"


def test_nothing_within_tolerance_is_said_with_the_nearest() -> None:
    points = ((point(2, 300, 0.3), 5.0), (point(1, 200, 0.4), 5.0))
    found = picked(points, measurement(points))
    assert found["smallest"].point is found["fastest"].point is None
    assert "compress.bits=2" in found["smallest"].reason
    assert "50.0% worse" in found["smallest"].reason
    assert found["balanced"].point is None
    assert "no file is within 5.0%" in found["balanced"].reason


def test_the_balanced_file_is_within_tolerance_however_small_and_fast_another_is() -> None:
    """By distance from the corner alone, a file that hardly costs anything outweighs what it does to the picture."""
    points = ((point(8, 80_000, 0.200), 100.0), (point(4, 30_000, 0.202), 50.0), (point(2, 300, 0.230), 0.1))
    assert chosen(points, measurement(points))["balanced"] == "compress.bits=4"
    assert chosen(points, measurement(points), 0.2)["balanced"] == "compress.bits=2"


def test_ties_in_speed_are_told() -> None:
    found = picked(POINTS, measurement(POINTS))
    assert "9.90 ms (interquartile range 0.50 ms; 1 more lie within that range)" in found["fastest"].reason


@pytest.mark.parametrize("tolerance", [0, -0.1, float("nan"), float("inf")])
def test_a_tolerance_that_is_none_is_refused(tolerance: float) -> None:
    with pytest.raises(UsageError, match="above 0"):
        check_tolerance(tolerance)


def spread(median: float, half: float = 0.0) -> Spread:
    return Spread(low=median - half, median=median, high=median + half)


@given(st.lists(PAIRS, max_size=30))
def test_without_scatter_the_front_is_the_same(values: list[tuple[int, int]]) -> None:
    kept = front_apart([(spread(first), second) for first, second in values])
    assert [values[one] for one in kept] == [values[one] for one in front(values)]


@given(st.lists(st.tuples(st.floats(1, 9), st.floats(0, 3), st.integers(0, 9)), min_size=1, max_size=30))
def test_points_of_a_front_lie_apart_and_what_is_left_out_is_no_faster_than_a_better_one(
    values: list[tuple[float, float, int]],
) -> None:
    pairs = [(spread(median, half), worth) for median, half, worth in values]
    kept = front_apart(pairs)
    chosen = [pairs[one] for one in kept]
    assert all(a[0].high < b[0].low and a[1] > b[1] for a, b in itertools.combinations(chosen, 2))
    for range_, worth in (pair for at, pair in enumerate(pairs) if at not in kept):
        assert any(other.low <= range_.high and its <= worth for other, its in chosen)


def test_latencies_that_overlap_are_one_step_of_the_front_and_those_of_bytes_are_two() -> None:
    one, other, slow = (spread(10, 0.5), 0.3), (spread(10.4, 0.5), 0.2), (spread(12, 0.5), 0.1)
    assert front_apart([one, other, slow]) == [1, 2]
    assert front([(10, 0.3), (10.4, 0.2), (12, 0.1)]) == [0, 1, 2]


def test_what_is_too_noisy_to_tell_is_not_picked() -> None:
    found = measurement(POINTS)
    noisy = BudgetResult(target=TARGET, what="fps_ratio", rule="least", limit=2, measured=2.1, status="noisy")
    undecided = Measurement(found.rows, found.yardsticks, {"compress.bits=4": (noisy,)})
    assert chosen(POINTS, undecided)["smallest"] == "compress.bits=8"
