from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_pipeline.errors import UsageError
from export_pipeline.kmeans import Clusters, kmeans
from tests.kmeans.optimum import optima

DTYPES = (np.float16, np.float32, np.float64)
# Rounding of centroids to float32, for the sizes that are drawn below.
ROUNDING = 1e-9


def numbers(draw: st.DrawFn, count: int) -> np.ndarray:
    """Multiples of a quarter, many of them equal, or anything of single precision."""
    element = draw(st.sampled_from([st.integers(-30, 30).map(lambda n: n / 4), st.floats(-100, 100, width=32)]))
    return np.array(draw(st.lists(element, min_size=count, max_size=count)))


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, int, np.ndarray | None]:
    count = draw(st.integers(1, 40))
    values = numbers(draw, count).astype(draw(st.sampled_from(DTYPES)))
    weight = st.sampled_from([0.0, 0.5, 1.0, 3.0, 1000.0])
    weights = draw(st.none() | st.lists(weight, min_size=count, max_size=count).map(np.array))
    return values, draw(st.integers(1, 12)), weights


def nearest_error(values: np.ndarray, found: Clusters, weights: np.ndarray | None) -> float:
    distance = np.abs(values.astype(np.float32).astype(np.float64)[..., None] - found.centroids.astype(np.float64))
    error = distance.min(axis=-1) ** 2
    chosen = np.take_along_axis(distance, found.indices[..., None].astype(np.intp), axis=-1)[..., 0]
    np.testing.assert_array_equal(chosen, distance.min(axis=-1))
    return float((error if weights is None or not weights.any() else error * weights).sum())


def assert_well_formed(values: np.ndarray, clusters: int, weights: np.ndarray | None, found: Clusters) -> None:
    counted = values if weights is None or not weights.any() else values[weights > 0]
    assert found.centroids.dtype == np.float32
    assert found.indices.dtype == np.uint8
    assert found.indices.shape == values.shape
    assert found.centroids.size == min(clusters, np.unique(counted.astype(np.float32)).size)
    assert (np.diff(found.centroids) > 0).all()
    assert nearest_error(values, found, weights) == pytest.approx(found.squared_error, rel=1e-9, abs=1e-12)


@given(problems())
def test_few_values_have_the_least_possible_error(
    problem: tuple[np.ndarray, int, np.ndarray | None],
) -> None:
    values, clusters, weights = problem
    found = kmeans(values, clusters, weights)
    assert_well_formed(values, clusters, weights, found)
    told = weights if weights is not None and weights.any() else None
    least = optima(values, clusters, told)[-1]
    scale = (told.sum() if told is not None else values.size) * float(np.abs(values).max()) ** 2
    assert found.squared_error <= least * (1 + 1e-6) + scale * ROUNDING


@given(problems())
def test_zeros_are_kept_at_the_least_possible_error(problem: tuple[np.ndarray, int, np.ndarray | None]) -> None:
    values, clusters, weights = problem
    values = np.append(values, values.dtype.type(-0.0))
    weights = None if weights is None else np.append(weights, 1.0)
    found = kmeans(values, clusters, weights, keep_zero=True)
    zeros = found.centroids[found.indices][values == 0]
    assert (zeros == 0).all()
    assert not np.signbit(zeros).any()
    assert (np.diff(found.centroids) > 0).all()
    least = optima(values, clusters, weights, kept=0.0)[-1]
    scale = (values.size if weights is None else weights.sum()) * float(np.abs(values).max()) ** 2
    assert nearest_error(values, found, weights) <= least * (1 + 1e-6) + scale * ROUNDING


@pytest.fixture
def coarse_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few groups at first and slow refinement, so that small problems take many rounds in narrow windows."""
    monkeypatch.setattr("export_pipeline.kmeans.refine._GROUPS_A_CLUSTER", 1)
    monkeypatch.setattr("export_pipeline.kmeans.refine._FEWEST_GROUPS", 4)
    monkeypatch.setattr("export_pipeline.kmeans.refine._FINER", 2)


def shapes(count: int) -> dict[str, np.ndarray]:
    """Hard distributions of *count* values."""
    random = np.random.default_rng(7)
    normal = random.normal(size=count)
    return {
        "normal": normal,
        "uniform": random.random(count),
        "heavy tails": random.standard_cauchy(count) ** 3,
        "one tail": np.exp(4 * normal),
        "duplicates": np.round(normal, 1),
        "clumps": random.choice(random.normal(size=9), count) + 1e-3 * normal,
        "two tight clumps": np.where(normal > 0, 1, -1) + 1e-2 * random.random(count),
        "ten scales": normal * 10.0 ** random.integers(-5, 5, count),
        "sparse outliers": np.where(np.arange(count) % 211 == 5, 1e6 * normal, normal),
        "far outliers": np.append(normal[2:], [-1e30, 1e30]),
        "grid": np.arange(count) * 0.25,
        "sparse": np.where(random.random(count) < 0.5, 0, normal),
    }


def weightings(count: int) -> dict[str, np.ndarray | None]:
    random = np.random.default_rng(8)
    light = random.random(count) + 0.001
    return {
        "equal": None,
        "heavy tails": random.standard_cauchy(count) ** 2 + 1e-6,
        "one heavy": np.where(np.arange(count) == count // 3, 1e7, light),
        "some heavy": np.where(np.arange(count) % 99 == 5, 1e6, light),
    }


@pytest.mark.usefixtures("coarse_rounds")
@pytest.mark.parametrize("weighting", weightings(1))
@pytest.mark.parametrize("shape", shapes(3))
def test_refinement_keeps_the_bound_and_what_it_proves_is_true(shape: str, weighting: str) -> None:
    values, weights = shapes(500)[shape], weightings(500)[weighting]
    kept = 0.0 if shape == "sparse" else None
    least = optima(values, 24, weights, kept)
    for clusters in (1, 2, 3, 6, 11, 24):
        found = kmeans(values, clusters, weights, keep_zero=kept is not None)
        assert_well_formed(values, clusters, weights, found)
        assert found.squared_error <= least[clusters - 1] * 1.001
        assert found.excess <= 0.001
        assert found.squared_error / (1 + found.excess) <= least[clusters - 1] * (1 + 1e-9)


@pytest.mark.usefixtures("coarse_rounds")
@settings(max_examples=60)
@given(st.data())
def test_refinement_of_anything_small_keeps_the_bound(data: st.DataObject) -> None:
    values = numbers(data.draw, data.draw(st.integers(12, 40)))
    clusters = data.draw(st.integers(2, 6))
    found, least = kmeans(values, clusters), optima(values, clusters)[-1]
    assert found.squared_error <= least * 1.001 + values.size * 1e4 * ROUNDING


@pytest.mark.parametrize("shape", shapes(3))
def test_many_values_are_within_a_thousandth_of_the_optimum(shape: str) -> None:
    values = shapes(1000)[shape]
    least = optima(values, 16)
    for clusters in (2, 5, 16):
        found = kmeans(values, clusters)
        assert found.squared_error <= least[clusters - 1] * 1.001
        assert found.squared_error / (1 + found.excess) <= least[clusters - 1] * (1 + 1e-9)


@pytest.mark.parametrize("shape", shapes(3))
def test_thirty_thousand_values_are_proven_within_a_thousandth(shape: str) -> None:
    values = shapes(30_000)[shape].reshape(3, 100, 100)
    for clusters in (3, 24):
        found = kmeans(values, clusters)
        assert_well_formed(values, clusters, None, found)
        assert found.excess <= 0.001


@pytest.mark.parametrize("digits", [8, 10, 12, 20, 50])
@pytest.mark.parametrize("kept", [None, 0.0])
def test_weights_too_far_apart_for_a_proof_leave_a_clustering_that_claims_none(digits: int, kept: float | None) -> None:
    random = np.random.default_rng(0)
    values, weights = random.normal(size=400), 10.0 ** random.uniform(-digits, digits, 400)
    values[0] = 0 if kept == 0 else values[0]
    least = optima(values, 100, weights, kept)
    for clusters in (2, 20, 100):
        found = kmeans(values, clusters, weights, keep_zero=kept == 0)
        assert_well_formed(values, clusters, weights, found)
        assert found.squared_error <= least[clusters - 1] * (1 + found.excess) * (1 + 1e-6)
    assert found.excess == np.inf


def test_two_thousand_values_with_weights_of_sixteen_digits_are_clustered() -> None:
    random = np.random.default_rng(0)
    values, weights = random.normal(size=2000), 10.0 ** random.uniform(-8, 8, 2000)
    found = kmeans(values, 200, weights)
    assert_well_formed(values, 200, weights, found)
    assert found.excess == np.inf


def test_the_largest_weights_and_values_are_counted_without_overflow() -> None:
    values = np.random.default_rng(0).normal(size=2000)
    small, large = kmeans(values, 20, np.ones(2000)), kmeans(values * 2.0**120, 20, np.full(2000, 2.0**332))
    np.testing.assert_array_equal(large.indices, small.indices)
    assert large.excess <= 0.001


def test_tight_clumps_far_from_zero_tell_what_rounding_cost() -> None:
    values = np.float32(1000) + np.arange(16, dtype=np.float32) * np.spacing(np.float32(1000))
    found = kmeans(values, 7)
    least = optima(values, 7)[-1]
    assert found.excess > 0.001
    assert found.squared_error == pytest.approx(least * (1 + found.excess), rel=1e-3)


def test_no_more_distinct_values_than_clusters_are_kept_exactly() -> None:
    table = np.random.default_rng(0).normal(size=256).astype(np.float32)
    values = np.random.default_rng(1).choice(table, (3, 3, 64, 64))
    found = kmeans(values, 256)
    np.testing.assert_array_equal(found.centroids, np.unique(values))
    np.testing.assert_array_equal(found.centroids[found.indices], values)
    assert found.squared_error == found.excess == 0


def test_result_does_not_depend_on_order_or_chance() -> None:
    values = np.random.default_rng(0).normal(size=20_000)
    first, again, mirrored = kmeans(values, 16), kmeans(values, 16), kmeans(values[::-1], 16)
    np.testing.assert_array_equal(first.centroids, again.centroids)
    np.testing.assert_array_equal(first.indices, again.indices)
    np.testing.assert_array_equal(first.centroids, mirrored.centroids)
    np.testing.assert_array_equal(first.indices, mirrored.indices[::-1])


def test_values_without_weight_have_no_say() -> None:
    values = np.array([0.0, 1.0, 10.0, 11.0, 500.0])
    found = kmeans(values, 2, np.array([1.0, 1.0, 1.0, 3.0, 0.0]))
    np.testing.assert_array_equal(found.centroids, [0.5, 10.75])
    np.testing.assert_array_equal(found.indices, [0, 0, 1, 1, 1])
    assert found.squared_error == 0.5 + 0.75


def test_weights_all_zero_are_weights_all_one() -> None:
    values = np.array([0.0, 1.0, 10.0, 11.0])
    plain, weighted = kmeans(values, 2), kmeans(values, 2, np.zeros(4))
    np.testing.assert_array_equal(plain.centroids, weighted.centroids)
    assert plain.squared_error == weighted.squared_error == 1.0


def test_only_zero_is_kept_if_there_is_one_cluster() -> None:
    found = kmeans(np.array([0.0, 3.0, 4.0]), 1, keep_zero=True)
    np.testing.assert_array_equal(found.centroids, [0.0])
    assert found.squared_error == 25.0


def test_keeping_zero_changes_nothing_without_zeros() -> None:
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    np.testing.assert_array_equal(kmeans(values, 4).centroids, kmeans(values, 4, keep_zero=True).centroids)


def test_zero_without_weight_is_kept_all_the_same() -> None:
    found = kmeans(np.array([0.0, 1.0, 2.0, 9.0]), 2, np.array([0.0, 1.0, 1.0, 1.0]), keep_zero=True)
    np.testing.assert_array_equal(found.centroids, [0.0, 9.0])
    assert found.squared_error == 5.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_negative_zero_is_zero(dtype: type) -> None:
    found = kmeans(np.array([-0.0, 0.0, 1.0], dtype), 4)
    np.testing.assert_array_equal(found.centroids, [0.0, 1.0])
    assert not np.signbit(found.centroids).any()


VALUES = np.arange(4.0)


@pytest.mark.parametrize(
    ("values", "clusters", "weights", "message"),
    [
        (np.array([1.0, np.nan]), 2, None, "1 of 2 values for k-means are NaN, infinite or beyond float32"),
        (np.array([-np.inf, np.inf, 1]), 2, None, "2 of 3 values"),
        (np.array([1e39]), 2, None, "beyond float32"),
        (np.array([]), 2, None, "no values"),
        (np.arange(4), 2, None, "arrays of floats, not int64"),
        ([1.0, 2.0], 2, None, "arrays of floats, not list"),
        (VALUES, 0, None, "into 0 clusters is not possible; allowed: 1 to 256"),
        (VALUES, 257, None, "allowed: 1 to 256"),
        (VALUES, 2.0, None, "allowed: 1 to 256"),
        (VALUES, True, None, "allowed: 1 to 256"),
        (VALUES, 2, np.ones(3), r"the values' shape \(4,\), not \(3,\)"),
        (VALUES, 2, [1, 1, 1, 1], "not list"),
        (VALUES, 2, -VALUES, "finite and not negative"),
        (VALUES, 2, VALUES * np.nan, "finite and not negative"),
        (VALUES, 2, VALUES * 1e100, r"weights go up to 1e\+100, not 3e\+100; divide all by the largest"),
    ],
)
def test_wrong_arguments_are_refused(
    values: np.ndarray, clusters: int, weights: np.ndarray | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        kmeans(values, clusters, weights)
