"""The stability loss: what it measures, that its noise is the same each time, and that a training lowers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from export_pipeline.perception.stability import NOISE, Disturbance, stability_loss
from export_pipeline.recipe import PerceptualTrainTable
from export_pipeline.tasks.style_transfer import IMAGE, STYLIZED, with_stability

PHOTOS = tf.constant(np.random.default_rng(0).uniform(0, 255, (2, 48, 40, 3)), tf.float32)


def no_losses(batch: Any, outputs: Any) -> dict[str, Any]:
    return {"total": tf.zeros(len(PHOTOS))}


def stability_of(network: Callable[[Any], Any], **keys: Any) -> Any:
    """The stability loss of *network*, with *keys* of the recipe."""

    def call(batch: Mapping[str, Any]) -> dict[str, Any]:
        return {STYLIZED: network(tf.cast(batch[IMAGE], tf.float32))}

    table = PerceptualTrainTable(stability_weight=1.0, **keys)
    return with_stability(no_losses, {IMAGE: PHOTOS}, call, table)["stability"]


@pytest.mark.parametrize(("network", "times"), [(lambda x: x, 1), (lambda x: 255 - 3 * x, 3), (lambda x: 0 * x, 0)])
def test_it_tells_how_many_times_noise_comes_out_again(network: Callable[[Any], Any], times: float) -> None:
    noisy, _ = Disturbance().frame(PHOTOS)
    found = stability_loss(network(PHOTOS), network(noisy), PHOTOS, noisy)
    np.testing.assert_allclose(found, [times, times], atol=1e-3)


def test_the_noise_is_that_of_the_images() -> None:
    first, again, other = (Disturbance().frame(images)[0] - images for images in (PHOTOS, PHOTOS, PHOTOS + 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.std(first) == pytest.approx(NOISE, rel=0.05)


def test_a_network_that_changes_nothing_has_a_slope_of_zero() -> None:
    scale, noisy = tf.Variable(0.0), Disturbance().frame(PHOTOS)[0]
    with tf.GradientTape() as tape:
        found = tf.reduce_sum(stability_loss(scale * PHOTOS, scale * noisy, PHOTOS, noisy))
    assert tape.gradient(found, scale).numpy() == 0


@pytest.mark.parametrize("cut", [0, 8])
def test_a_strip_along_the_edges_is_found_where_the_photograph_with_noise_is_smaller(cut: int) -> None:
    """A network that only copies paints a frame; without a cut that of the photograph with noise is the same."""

    def framed(batch: Mapping[str, Any]) -> dict[str, Any]:
        inner = batch[IMAGE][:, 4:-4, 4:-4]
        return {STYLIZED: tf.pad(inner, [[0, 0], [4, 4], [4, 4], [0, 0]], constant_values=255.0)}

    table = PerceptualTrainTable(stability_weight=0.5, stability_cut=cut)
    found = with_stability(no_losses, {IMAGE: PHOTOS}, framed, table)
    if cut:
        assert min(found["stability"]) > 10
    else:
        assert max(found["stability"]) < 1
    np.testing.assert_allclose(found["total"], 0.5 * found["stability"])


def test_a_pattern_that_stays_where_it_is_when_the_camera_moves_is_found() -> None:
    """A network that strides by 4 and darkens every fourth row, and one that only copies."""

    def striped(images: Any) -> Any:
        return images * tf.cast(tf.range(tf.shape(images)[1]) % 4 > 0, tf.float32)[:, None, None]

    found = {shift: np.mean(stability_of(striped, stability_shift=shift)) for shift in (0, 3)}
    assert found[3] > 10 > 1.1 > found[0]
    np.testing.assert_allclose(stability_of(lambda images: images, stability_shift=3), [1, 1], atol=1e-3)


def test_a_network_that_knows_how_light_its_photograph_is_stays_the_same() -> None:
    def level(images: Any) -> Any:
        return images * 128 / tf.reduce_mean(images, (1, 2, 3), keepdims=True)

    noise_alone, lit = stability_of(level), stability_of(level, stability_light=0.2)
    copied = stability_of(lambda images: images, stability_light=0.2)
    np.testing.assert_allclose(copied, [1, 1], atol=1e-3)
    assert np.all(lit < 0.8 * noise_alone)


@pytest.mark.parametrize(
    "keys", [{"stability_cut": 8}, {"stability_shift": 3}, {"stability_cut": 4, "stability_light": 0.1}]
)
def test_another_frame_shows_a_part_of_the_photographs(keys: dict[str, Any]) -> None:
    frame, seen = Disturbance(**{key.removeprefix("stability_"): value for key, value in keys.items()}).frame(PHOTOS)
    part = seen(PHOTOS)
    assert frame.shape == part.shape
    assert all(side % 4 == 0 for side in frame.shape[1:3])
    assert np.std(frame / np.mean(frame) * np.mean(part) - part) < 2 * NOISE
