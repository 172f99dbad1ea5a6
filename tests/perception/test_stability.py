"""The stability loss: what it measures, that its noise is the same each time, and that a training lowers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from export_pipeline.perception.pixel_losses import NOISE, disturbed, stability_loss
from export_pipeline.recipe import PerceptualTrainTable
from export_pipeline.tasks.style_transfer import IMAGE, STYLIZED, with_stability

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


@pytest.mark.parametrize("cut", [0, 8])
def test_a_strip_along_the_edges_is_found_where_the_photograph_with_noise_is_smaller(cut: int) -> None:
    """A network that only copies paints a frame; without a cut that of the photograph with noise is the same."""

    def framed(batch: Mapping[str, Any]) -> dict[str, Any]:
        inner = batch[IMAGE][:, 4:-4, 4:-4]
        return {STYLIZED: tf.pad(inner, [[0, 0], [4, 4], [4, 4], [0, 0]], constant_values=255.0)}

    def losses(batch: Any, outputs: Any) -> dict[str, Any]:
        return {"total": tf.zeros(len(PHOTOS))}

    table = PerceptualTrainTable(stability_weight=0.5, stability_cut=cut)
    found = with_stability(losses, {IMAGE: PHOTOS}, framed, table)
    if cut:
        assert min(found["stability"]) > 10
    else:
        assert max(found["stability"]) < 1
    np.testing.assert_allclose(found["total"], 0.5 * found["stability"])
