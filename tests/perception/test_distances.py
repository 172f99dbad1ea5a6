"""Distances: nothing between equals, and what each must and must not see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export_pipeline.perception.distances import (
    directions,
    nearest_patch_distance,
    projected_quantiles,
    relative,
    relative_squared,
    sliced_wasserstein,
)

CHANNELS = st.sampled_from([1, 3, 16, 64, 128])


def cloud(seed: int, count: int, channels: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, (count, channels)).astype(np.float32)


def test_relative_is_a_ratio_for_each_item() -> None:
    reference = np.array([[3.0, 4.0], [6.0, 8.0]], np.float32)
    np.testing.assert_allclose(relative(reference / 2, reference), [0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(relative_squared(reference / 2, reference), [0.25, 0.25], rtol=1e-6)
    np.testing.assert_allclose(relative(reference * 0, reference), 0, atol=1e-6)


def test_a_reference_that_may_be_zero_has_a_least_power() -> None:
    nothing = np.zeros((1, 3), np.float32)
    assert relative_squared(nothing + 1, nothing, least=0.5).numpy() == 6


@given(CHANNELS)
def test_directions_are_unit_vectors_that_stay_the_same(channels: int) -> None:
    found = directions(channels)
    assert found.shape == (channels, 64)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(found, directions(channels))
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 9
    if channels >= 64:
        np.testing.assert_allclose(found.T @ found, np.eye(64), atol=1e-5)


@given(st.integers(0, 99), st.integers(1, 50), CHANNELS)
def test_the_same_values_in_another_order_are_no_distance_apart(seed: int, count: int, channels: int) -> None:
    values = cloud(seed, count, channels)
    shuffled = np.random.default_rng(seed).permutation(values)
    assert sliced_wasserstein(projected_quantiles(values), projected_quantiles(shuffled)) == pytest.approx(0, abs=1e-5)


@given(st.integers(0, 99), st.integers(1, 50), CHANNELS, st.floats(-50, 50))
def test_values_that_are_moved_are_as_far_as_the_move_is_along_the_directions(
    seed: int, count: int, channels: int, shift: float
) -> None:
    values = cloud(seed, count, channels)
    move = np.full(channels, shift, np.float32)
    wanted = np.sqrt(np.mean(np.square(move @ directions(channels))))
    found = sliced_wasserstein(projected_quantiles(values), projected_quantiles(values + move))
    assert found == pytest.approx(wanted, rel=1e-3, abs=1e-4)


@given(st.integers(0, 99), st.integers(1, 40), st.integers(1, 40), CHANNELS)
def test_it_is_symmetric_and_no_way_round_is_shorter(seed: int, first: int, second: int, channels: int) -> None:
    one, other, third = (
        projected_quantiles(cloud(seed + index, count, channels)) for index, count in enumerate((first, second, first))
    )
    direct = sliced_wasserstein(one, third)
    assert sliced_wasserstein(one, other) == sliced_wasserstein(other, one)
    if first == second:
        assert direct <= sliced_wasserstein(one, other) + sliced_wasserstein(other, third) + 1e-6


def test_many_values_and_few_of_one_distribution_are_near() -> None:
    random = np.random.default_rng(0)
    many, few = (random.uniform(0, 255, (count, 3)) for count in (50_000, 5_000))
    assert projected_quantiles(many).shape == (64, 4096)
    assert sliced_wasserstein(projected_quantiles(many), projected_quantiles(few)) < 4
    assert sliced_wasserstein(projected_quantiles(many), projected_quantiles(few / 2)) > 40


def test_quantiles_stand_for_all_values() -> None:
    """4096 of 100,000 against the sum over all, of two distributions with long tails."""
    random = np.random.default_rng(0)
    one, other = (random.exponential(scale, (100_000, 4)).astype(np.float32) for scale in (1.0, 3.0))
    exact = [np.sort(values @ directions(4), axis=0) for values in (one, other)]
    wanted = np.sqrt(np.mean(np.square(exact[0] - exact[1])))
    assert sliced_wasserstein(projected_quantiles(one), projected_quantiles(other)) == pytest.approx(wanted, rel=2e-3)


def covariances(seed: int, count: int, channels: int) -> np.ndarray:
    values = cloud(seed, count * 20, channels).reshape(count, 20, channels)
    return np.stack([np.cov(patch.T, bias=True) for patch in values]).astype(np.float32)


def test_patches_are_held_against_the_nearest_of_the_style() -> None:
    own, style = ([covariances(seed, count, c) for c in (4, 7)] for seed, count in ((1, 5), (2, 3)))
    distances = np.zeros((5, 3))
    for i in range(5):
        for j in range(3):
            layers = zip(own, style, strict=True)
            distances[i, j] = np.mean([np.linalg.norm(a[i] - b[j]) / np.linalg.norm(b[j]) for a, b in layers])
    assert nearest_patch_distance(own, style) == pytest.approx(distances.min(1).mean(), rel=1e-5)


def test_patches_of_the_style_are_at_no_distance_from_it() -> None:
    style = [covariances(3, 6, channels) for channels in (4, 7)]
    assert nearest_patch_distance([layer[[4, 1, 1]] for layer in style], style) == pytest.approx(0, abs=1e-6)
