"""Stylization by optimization: what it aims at, what it keeps, and that it is the same every time."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from export_pipeline.distill.student import selection, slimmed
from export_pipeline.errors import ImageError, TrainingError, UsageError
from export_pipeline.gatys.canvas import luminance, luminance_canvas, matched_luminance
from export_pipeline.gatys.optimize import Iteration, Optimization, shares_of, stylize
from export_pipeline.models.vgg import STAGES
from export_pipeline.perception.loss_network import LossNetwork, from_arrays
from export_pipeline.perception.losses import PerceptualLoss
from export_pipeline.recipe import StyleTrainTable
from tests.small_training import picture

Arrays = dict[str, tuple[np.ndarray, np.ndarray]]
PHOTO = picture(1, 40, 48)
STRIPES = np.repeat(255 * (np.indices((64, 64)).sum(0) // 4 % 2)[..., None], 3, 2).astype(np.uint8)
SHORT = Optimization(iterations=6)


@pytest.fixture(scope="module")
def network(vgg_arrays: Arrays) -> LossNetwork:
    """A narrow one with embeddings, as the distilled one is."""
    slim = slimmed(vgg_arrays, 0.05)
    found = {f"{layer}_kernel": kernel for layer, (kernel, _) in slim.weights.items()}
    found |= {f"{layer}_bias": bias for layer, (_, bias) in slim.weights.items()}
    for stage in STAGES:
        layer = stage.replace("relu", "conv")
        found[f"{stage}_embedding"] = selection(slim.kept[layer], vgg_arrays[layer][0].shape[3])
    return from_arrays(found, "test")


def distance(network: LossNetwork, style: np.ndarray, image: np.ndarray) -> float:
    loss = PerceptualLoss(network, style, StyleTrainTable(style_loss="gram"))
    return float(loss(PHOTO[None].astype(np.float32), image[None].astype(np.float32))["style"][0])


def test_the_losses_fall_with_every_iteration(network: LossNetwork) -> None:
    reached: list[Iteration] = []
    made = stylize(PHOTO, [STRIPES], network, SHORT, on_iteration=reached.append)
    assert [iteration.number for iteration in reached] == list(range(1, 7))
    totals = [iteration.losses["total"] for iteration in reached]
    assert totals == sorted(totals, reverse=True)
    assert totals[-1] < 0.9 * SHORT.style_weight * distance(network, STRIPES, PHOTO)  # all there was at the start
    assert made.losses == pytest.approx(reached[-1].losses, rel=1e-4)
    assert (made.iterations, made.picture.shape, made.picture.dtype) == (6, PHOTO.shape, np.uint8)
    assert made.evaluations >= 6
    np.testing.assert_array_equal(reached[-1].picture(), made.picture)
    assert (reached[2].picture() != made.picture).any()


def test_the_total_is_that_of_training(network: LossNetwork) -> None:
    how = dataclasses.replace(SHORT, content_weight=0.5, style_weight=3.0, tv_weight=0.7)
    losses = stylize(PHOTO, [STRIPES], network, how).losses
    total = 0.5 * losses["content"] + 3 * losses["style"] + 0.7 * losses["tv"]
    assert losses["total"] == pytest.approx(total, rel=1e-5)


def test_moments_are_another_aim_than_gram_matrices(network: LossNetwork) -> None:
    how = dataclasses.replace(SHORT, style_loss="moments")
    made = stylize(PHOTO, [STRIPES], network, how)
    loss = PerceptualLoss(network, STRIPES, StyleTrainTable(style_loss="moments"))

    def moments_distance(image: np.ndarray) -> float:
        return float(loss(PHOTO[None].astype(np.float32), image[None].astype(np.float32))["style"][0])

    assert made.losses["style"] == pytest.approx(moments_distance(made.picture), rel=0.05)  # rounded to whole values
    assert moments_distance(made.picture) < 0.9 * moments_distance(PHOTO)
    assert (made.picture != stylize(PHOTO, [STRIPES], network, SHORT).picture).any()


def test_the_same_arguments_give_the_same_picture(network: LossNetwork) -> None:
    first, again = (stylize(PHOTO, [STRIPES], network, Optimization(iterations=3)).picture for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_several_styles_pull_as_hard_as_they_weigh(network: LossNetwork) -> None:
    other = picture(7, 64, 64)

    def made(*weights: float) -> np.ndarray:
        return stylize(PHOTO, [STRIPES, other], network, SHORT, weights).picture

    pictures = [made(3, 0), made(1, 1), made(0, 2)]
    np.testing.assert_array_equal(pictures[0], stylize(PHOTO, [STRIPES], network, SHORT).picture)
    to_stripes = [distance(network, STRIPES, image) for image in pictures]
    assert to_stripes == sorted(to_stripes)
    assert to_stripes[0] < to_stripes[2]


def test_the_style_distance_to_several_is_their_weighted_mean(network: LossNetwork) -> None:
    other, made = picture(7, 64, 64), picture(3, 40, 48)
    loss = PerceptualLoss(network, [STRIPES, other], StyleTrainTable(style_loss="gram"), (0.25, 0.75))
    photo, output = PHOTO[None].astype(np.float32), made[None].astype(np.float32)
    found = loss(photo, output)
    wanted = 0.25 * distance(network, STRIPES, made) + 0.75 * distance(network, other, made)
    assert float(found["style"][0]) == pytest.approx(wanted, rel=1e-5)
    again = loss.losses(output, loss.content(photo))
    assert {name: float(value[0]) for name, value in again.items()} == {name: float(v[0]) for name, v in found.items()}


def chroma(image: np.ndarray) -> np.ndarray:
    return image - luminance(image)


@pytest.mark.parametrize("start", ["photo", "noise"])
def test_kept_colours_are_those_of_the_photo(network: LossNetwork, start: Any) -> None:
    how = dataclasses.replace(SHORT, preserve_colour=True, start=start)
    made = stylize(PHOTO, [picture(7, 64, 64)], network, how).picture
    assert np.abs(chroma(made) - chroma(PHOTO)).max() <= 1  # rounding to whole values
    assert np.abs(luminance(made) - luminance(PHOTO)).mean() > 1
    free = stylize(PHOTO, [picture(7, 64, 64)], network, dataclasses.replace(how, preserve_colour=False)).picture
    assert np.abs(chroma(free) - chroma(PHOTO)).max() > 5


@given(arrays(np.uint8, (3, 4, 3)), st.integers(0, 9))
def test_whatever_luminance_its_bounds_allow_is_a_colour(photo: np.ndarray, seed: int) -> None:
    canvas = luminance_canvas(photo)
    assert (canvas.lower <= canvas.photo + 1e-9).all()
    assert (canvas.photo <= canvas.upper + 1e-9).all()
    rgb = canvas.noise(seed) + canvas.added
    assert rgb.min() >= -1e-9
    assert rgb.max() <= 255 + 1e-9
    np.testing.assert_array_equal(canvas.picture(canvas.photo), photo)


def test_a_style_takes_on_the_light_of_the_photo() -> None:
    style, photo = picture(7, 64, 64), (PHOTO // 4 + 96).astype(np.uint8)
    made = matched_luminance(style, photo)
    assert (made == made[..., :1]).all()
    assert made.mean() == pytest.approx(luminance(photo).mean(), abs=0.5)
    assert made[..., 0].std() == pytest.approx(luminance(photo).std(), abs=0.5)
    assert (matched_luminance(np.full_like(style, 90), photo) == round(luminance(photo).mean())).all()


def test_evaluations_are_a_limit(network: LossNetwork) -> None:
    made = stylize(PHOTO, [STRIPES], network, Optimization(iterations=50, evaluations=3))
    assert made.evaluations <= 5
    assert made.iterations < 5


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"iterations": 0}, "iterations is 0"),
        ({"iterations": 10**9}, "10000 or less"),
        ({"evaluations": 0}, "evaluations is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"style_weight": -1.0}, "style_weight is -1"),
        ({"content_weight": math.nan}, "content_weight is nan"),
        ({"tv_weight": math.inf}, "tv_weight is inf"),
        ({"content_weight": 0, "style_weight": 0}, "nothing to aim at"),
        ({"start": "style"}, "allowed: photo, noise"),
        ({"style_loss": "wct"}, "style_loss is 'wct'; allowed: moments, gram"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], part: str) -> None:
    with pytest.raises(UsageError, match=part):
        Optimization(**settings)


@pytest.mark.parametrize(
    ("weights", "part"),
    [((1,), "1 style weights for 2"), ((1, -1), "0 or more"), ((0, 0), "above 0"), ((1, math.nan), "finite")],
)
def test_weights_that_do_not_fit_the_styles_are_refused(weights: tuple[float, ...], part: str) -> None:
    with pytest.raises(UsageError, match=part):
        shares_of(["a", "b"], weights)
    assert shares_of(["a", "b"], (1, 3)) == [0.25, 0.75]
    with pytest.raises(UsageError, match="no style"):
        shares_of([], None)


def test_a_photograph_that_is_too_small_is_refused(network: LossNetwork) -> None:
    with pytest.raises(ImageError, match="48x31 pixels"):
        stylize(PHOTO[:31], [STRIPES], network, SHORT)


def test_losses_that_are_not_finite_are_refused(network: LossNetwork) -> None:
    kernel, bias = network.weights["conv1_1"]
    damaged = LossNetwork({**network.weights, "conv1_1": (kernel * np.float32(1e30), bias)}, network.embeddings)
    with pytest.raises(TrainingError, match="not finite"):
        stylize(PHOTO, [STRIPES], damaged, SHORT)
