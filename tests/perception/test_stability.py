"""The stability loss: what it measures, that its noise is the same each time, and that a training lowers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from export_pipeline.perception.pixel_losses import NOISE, disturbed, stability_loss

PHOTOS = tf.constant(np.random.default_rng(0).uniform(0, 255, (2, 48, 40, 3)), tf.float32)


@pytest.mark.parametrize(("network", "times"), [(lambda x: x, 1), (lambda x: 255 - 3 * x, 3), (lambda x: 0 * x, 0)])
def test_it_tells_how_many_times_noise_comes_out_again(network: Callable[[Any], Any], times: float) -> None:
    noisy = disturbed(PHOTOS)
    found = stability_loss(network(PHOTOS), network(noisy), PHOTOS, noisy)
    np.testing.assert_allclose(found, [times, times], atol=1e-3)


def test_the_noise_is_that_of_the_images() -> None:
    first, again, other = (disturbed(images) - images for images in (PHOTOS, PHOTOS, PHOTOS + 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.std(first) == pytest.approx(NOISE, rel=0.05)


def test_a_network_that_changes_nothing_has_a_slope_of_zero() -> None:
    scale, noisy = tf.Variable(0.0), disturbed(PHOTOS)
    with tf.GradientTape() as tape:
        found = tf.reduce_sum(stability_loss(scale * PHOTOS, scale * noisy, PHOTOS, noisy))
    assert tape.gradient(found, scale).numpy() == 0
