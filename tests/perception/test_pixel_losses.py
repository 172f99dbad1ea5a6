"""The losses of the pixels alone: what they see, and that their gradients are slopes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from export_pipeline.perception.pixel_losses import (
    edge_jump,
    edge_lines,
    edge_loss,
    slopes,
    total_variation,
    weave_loss,
)
from export_pipeline.perception.weave import weave


@pytest.mark.parametrize("quarter", range(4))
def test_a_strip_along_an_edge_costs(quarter: int) -> None:
    """A network that finds the edges by their zero padding would paint one there."""
    plain = np.full((64, 64, 3), 90, np.float32)
    striped = plain.copy()
    striped[:8] = (255, 0, 0)
    turned = np.rot90(striped, quarter)
    assert edge_jump(plain[None]).numpy() == 0
    assert edge_jump(turned[None]).numpy() == pytest.approx((165 + 90 + 90) / 3 / 255 / 8, rel=1e-3)


@pytest.mark.parametrize("quarter", range(4))
def test_a_thin_line_along_an_edge_costs_and_texture_hardly_does(quarter: int) -> None:
    plain = np.full((64, 64, 3), 90, np.float32)
    framed = plain.copy()
    framed[5] = 0
    turned = np.rot90(framed, quarter)
    assert edge_lines(plain[None]).numpy() == 0
    # The line of black, to which there are two differences of 16, and its two ends in the profiles of the sides.
    assert edge_lines(turned[None]).numpy() == pytest.approx(2 * 90 / 16 / 4 / 255, rel=1e-2)
    textured = np.random.default_rng(1).permutation(turned.ravel()).reshape(turned.shape)
    assert edge_lines(textured[None]).numpy() < 0.6 * edge_lines(turned[None]).numpy()


@pytest.mark.parametrize("quarter", range(4))
def test_a_strip_of_checks_along_an_edge_costs(quarter: int) -> None:
    """Its mean colour is that of what lies beside it, and so are those of its lines: only its slopes tell."""
    framed = np.full((64, 64, 3), 90, np.float32)
    framed[:8] += 60 * (np.indices((8, 64)).sum(0)[..., None] % 2 * 2 - 1)
    turned = np.rot90(framed, quarter)[None]
    assert edge_jump(turned).numpy() + edge_lines(turned).numpy() < 0.01
    assert edge_jump(slopes(turned)).numpy() > 0.05
    assert edge_loss(turned).numpy() == pytest.approx(
        edge_jump(turned).numpy() + edge_jump(slopes(turned)).numpy() + edge_lines(turned).numpy()
    )


def test_total_variation_of_a_flat_image_is_nothing_and_of_a_checkerboard_most() -> None:
    assert total_variation(np.full((1, 8, 8, 3), 99, np.float32)).numpy() == 0
    board = np.indices((8, 8)).sum(0)[None, ..., None] % 2 * np.float32(255) * np.ones(3, np.float32)
    assert total_variation(board).numpy() == pytest.approx(2)


@pytest.mark.parametrize("loss", [edge_jump, edge_lines, edge_loss, total_variation, weave_loss])
def test_gradients_are_slopes(loss: Any) -> None:
    """Of odd sides, by differences along a random direction; these losses are sums of absolute values."""
    random = np.random.default_rng(3)
    image, direction = random.uniform(0, 255, (1, 37, 53, 3)), random.normal(size=(1, 37, 53, 3))
    variable = tf.Variable(image, dtype=tf.float32)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(loss(variable))
    slope = float(np.sum(tape.gradient(total, variable).numpy() * direction))
    ahead, behind = (float(loss((image + step * direction).astype(np.float32))[0]) for step in (0.05, -0.05))
    assert slope == pytest.approx((ahead - behind) / 0.1, rel=0.02, abs=1e-5)


def test_small_images_have_finite_losses() -> None:
    assert np.isfinite(edge_jump(np.random.default_rng(0).uniform(0, 255, (1, 20, 24, 3)).astype(np.float32))).all()


@pytest.mark.parametrize("period", [1, 2, 4])
def test_the_weave_loss_is_about_the_logarithm_of_the_weave(period: int) -> None:
    gray = np.random.default_rng(1).uniform(0, 150, (70, 90, 1)).astype(np.float32)
    gray[::period, ::period] += 90
    image = gray.repeat(3, -1)
    of_weave, (found,) = np.log(weave(image)), weave_loss(image[None]).numpy()
    if period == 1:
        assert max(of_weave, found) < 0.1
    else:  # a pattern is alike in all windows and noise is not: in geometric means it counts for more
        assert 0.3 < of_weave <= found < 1.4 * of_weave


def test_the_weave_loss_sees_what_is_in_flat_parts_alone() -> None:
    """Strokes with fifty times the contrast stand beside it, and the weave of the whole is none."""
    image = np.full((1, 96, 96, 3), 120, np.float32)
    image[:, :, :48] += np.random.default_rng(4).normal(0, 60, (1, 96, 48, 3)).astype(np.float32)
    woven = image.copy()
    woven[:, ::4, 48:] += 3
    assert weave(woven[0]) < 1.1
    plain, found = (float(weave_loss(each)[0]) for each in (image, woven))
    assert plain < 0.1
    assert found > plain + 0.4


def test_the_weave_loss_sees_a_pattern_that_changes_its_sign_and_one_of_colours() -> None:
    plain = np.random.default_rng(2).uniform(60, 180, (1, 64, 64, 3)).astype(np.float32)
    pattern = np.zeros((64, 64), np.float32)
    pattern[::4] = 40
    turned = np.kron(np.sign(np.random.default_rng(3).normal(size=(2, 2))), np.ones((32, 32), np.float32)) * pattern
    colored = np.stack((pattern, np.zeros_like(pattern), -pattern), -1)
    assert weave_loss(plain).numpy()[0] < 0.1
    for woven in (plain + turned[..., None], plain + colored):
        assert weave_loss(woven.astype(np.float32)).numpy()[0] > 0.5
