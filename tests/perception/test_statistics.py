"""Gram matrices, means and covariances of features: against NumPy, and what they do not see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from export_pipeline.perception.statistics import gram, gram_of_moments, moments


def features(seed: int, height: int, width: int, channels: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(1, 2, (2, height, width, channels))


SIZES = (st.integers(0, 99), st.integers(1, 6), st.integers(1, 6), st.integers(1, 5))


@given(*SIZES)
def test_they_are_those_of_numpy(seed: int, height: int, width: int, channels: int) -> None:
    given = features(seed, height, width, channels)
    means, covariances = moments(given)
    for image, own, mean, covariance in zip(given, gram(given), means, covariances, strict=True):
        flat = image.reshape(-1, channels)
        np.testing.assert_allclose(own, flat.T @ flat / flat.size, atol=1e-12)
        np.testing.assert_allclose(mean, flat.mean(0), atol=1e-12)
        np.testing.assert_allclose(covariance, np.cov(flat.T, bias=True).reshape(channels, channels), atol=1e-12)


@given(*SIZES)
def test_a_gram_matrix_is_made_of_the_mean_and_the_covariance(
    seed: int, height: int, width: int, channels: int
) -> None:
    given = features(seed, height, width, channels)
    np.testing.assert_allclose(gram_of_moments(*moments(given)), gram(given), atol=1e-12)


@given(*SIZES, st.floats(-100, 100))
def test_a_covariance_sees_neither_where_features_are_nor_what_they_have_in_common(
    seed: int, height: int, width: int, channels: int, shift: float
) -> None:
    given = features(seed, height, width, channels)
    order = np.random.default_rng(seed).permutation(height * width)
    moved = given.reshape(2, -1, channels)[:, order].reshape(given.shape) + shift
    np.testing.assert_allclose(moments(moved)[1], moments(given)[1], atol=1e-9)
    np.testing.assert_allclose(moments(moved)[0], moments(given)[0] + shift, atol=1e-9)


def test_images_of_any_size_are_comparable() -> None:
    tile = features(0, 4, 4, 3)
    tiled = np.tile(tile, (1, 2, 3, 1))
    np.testing.assert_allclose(gram(tiled), gram(tile))
    for own, other in zip(moments(tiled), moments(tile), strict=True):
        np.testing.assert_allclose(own, other)


def test_a_small_covariance_beside_a_large_mean_keeps_its_digits() -> None:
    """In single precision the difference of two products would be off by a tenth."""
    noise = features(1, 64, 64, 4).astype(np.float32)
    found = moments(noise + np.float32(2000))[1]
    np.testing.assert_allclose(found, moments(noise.astype(np.float64))[1], atol=2e-3)


@pytest.mark.parametrize("name", ["gram", "moments"])
def test_their_gradients_are_those_of_their_formulas(name: str) -> None:
    given = tf.constant(features(2, 5, 7, 3))
    random = np.random.default_rng(1)
    of_mean, of_matrix = random.normal(size=(2, 3)), random.normal(size=(2, 3, 3))

    def plainly(x: Any) -> Any:
        if name == "gram":
            return tf.reduce_sum(of_matrix * tf.einsum("nhwc,nhwd->ncd", x, x) / (5 * 7 * 3))
        mean = tf.reduce_mean(x, [1, 2])
        covariance = tf.einsum("nhwc,nhwd->ncd", x, x) / (5 * 7) - mean[:, :, None] * mean[:, None]
        return tf.reduce_sum(of_mean * mean) + tf.reduce_sum(of_matrix * covariance)

    def as_built(x: Any) -> Any:
        if name == "gram":
            return tf.reduce_sum(of_matrix * gram(x))
        mean, covariance = moments(x)
        return tf.reduce_sum(of_mean * mean) + tf.reduce_sum(of_matrix * covariance)

    gradients = []
    for compute in (as_built, plainly):
        with tf.GradientTape() as tape:
            tape.watch(given)
            total = compute(given)
        gradients.append(tape.gradient(total, given).numpy())
    np.testing.assert_allclose(*gradients, rtol=1e-9, atol=1e-12)
