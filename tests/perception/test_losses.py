"""The losses against the formulas of the reports, computed with NumPy in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from export_pipeline import models
from export_pipeline.perception.distances import directions
from export_pipeline.perception.loss_network import LossNetwork
from export_pipeline.perception.losses import (
    LOSSES,
    STYLE_LAYERS,
    STYLE_LOSSES,
    PerceptualLoss,
    StyleTarget,
    loss_names,
)
from export_pipeline.perception.statistics import sorted_projections
from export_pipeline.recipe import StyleTrainTable

Arrays = dict[str, tuple[np.ndarray, np.ndarray]]
STYLE = np.random.default_rng(2).integers(0, 256, (70, 90, 3), dtype=np.uint8)


def images(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (2, 40, 52, 3)).astype(np.float32)


def features(arrays: Arrays, image: np.ndarray) -> list[np.ndarray]:
    return [layer.numpy().astype(np.float64) for layer in models.vgg19(arrays, STYLE_LAYERS)(image)]


def gram_of(feature: np.ndarray) -> np.ndarray:
    height, width, channels = feature.shape
    flat = feature.reshape(height * width, channels)
    return np.asarray(flat.T @ flat / (height * width * channels))


def distance(difference: np.ndarray, reference: np.ndarray) -> float:
    return float(np.sqrt((difference**2).sum()) / np.sqrt((reference**2).sum()))


def jump_of(image: np.ndarray) -> float:
    """From each edge's strip to the strip beside it, for strips of a 32nd and of an eighth of the side."""
    jumps = []
    for turned in (np.rot90(image, quarter) for quarter in range(4)):
        for width in (turned.shape[0] // 32, turned.shape[0] // 8):
            outer, beside = turned[:width].mean(0), turned[width : 2 * width].mean(0)
            jumps.append(np.abs(outer - beside).mean() / 255)
    return float(np.mean(jumps))


def lines_of(image: np.ndarray) -> float:
    """From each row along an edge to the next, each averaged along the edge."""
    means = [np.rot90(image, quarter)[:17].mean(1) for quarter in range(4)]
    return float(np.mean([np.abs(np.diff(mean, axis=0)).mean() / 255 for mean in means]))


def slopes_of(image: np.ndarray) -> np.ndarray:
    return np.abs(np.concatenate([np.diff(image, axis=0)[:, :-1], np.diff(image, axis=1)[:-1]], -1))


def gram_distance(own: np.ndarray, style: np.ndarray) -> float:
    return distance(gram_of(own) - gram_of(style), gram_of(style))


def moments_of(feature: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = feature.reshape(-1, feature.shape[-1])
    return flat.mean(0), np.cov(flat.T, bias=True)


def moments_distance(own: np.ndarray, style: np.ndarray) -> float:
    pairs = zip(moments_of(own), moments_of(style), strict=True)
    return sum(distance(mine - its, its) ** 2 for mine, its in pairs)


def averaged(image: np.ndarray, scale: int) -> np.ndarray:
    """Means of squares of *scale* pixels a side; the sides that do not fit are shared as TensorFlow's SAME does."""
    height, width = (-side % scale for side in image.shape[:2])
    around = ((height // 2, height - height // 2), (width // 2, width - width // 2), (0, 0))
    padded = np.pad(image, around, constant_values=np.nan)
    squares = padded.reshape(padded.shape[0] // scale, scale, padded.shape[1] // scale, scale, 3)
    return np.asarray(np.nanmean(squares, (1, 3)))


def color_distance(own: np.ndarray, style: np.ndarray) -> float:
    found = []
    for scale in (1, 4, 16):
        (mean, covariance), (wanted, spread) = (moments_of(averaged(image, scale)) for image in (own, style))
        variances, axes = np.linalg.eigh(spread)
        whitening = axes @ np.diag(1 / np.maximum(np.sqrt(variances), 4)) @ axes.T
        difference = whitening @ (covariance - spread) @ whitening
        found.append(((difference**2).sum() + ((whitening @ (mean - wanted)) ** 2).sum()) / 3)
    return float(np.mean(found))


STYLE_DISTANCES = {"gram": gram_distance, "moments": moments_distance}


@pytest.mark.parametrize(("layer", "style_loss"), [("relu3_1", "gram"), ("relu3_1", "moments"), ("relu4_1", "moments")])
def test_every_loss_is_the_one_of_the_definitions(vgg_arrays: Arrays, layer: Any, style_loss: Any) -> None:
    weights = {"content_weight": 0.7, "style_weight": 3.0, "tv_weight": 0.2, "edge_weight": 0.5, "color_weight": 0.4}
    table = StyleTrainTable(content_layer=layer, style_loss=style_loss, style_size=64, **weights)
    photo, output = images(3), images(4)
    found = {
        name: value.numpy()
        for name, value in PerceptualLoss(LossNetwork(vgg_arrays), STYLE, table)(photo, output).items()
    }
    assert tuple(found) == LOSSES

    square = np.asarray(Image.fromarray(STYLE).resize((64, 64), Image.Resampling.LANCZOS), np.float32)
    style = [feature[0] for feature in features(vgg_arrays, square[None])]
    of_photo, of_output = features(vgg_arrays, photo), features(vgg_arrays, output)
    for index in range(2):
        wanted = of_photo[STYLE_LAYERS.index(layer)][index]
        image = output[index].astype(np.float64)
        pairs = zip(of_output, style, strict=True)
        expected = {
            "content": distance(of_output[STYLE_LAYERS.index(layer)][index] - wanted, wanted),
            "style": np.mean([STYLE_DISTANCES[style_loss](own[index], its) for own, its in pairs]),
            "tv": (np.abs(np.diff(image, axis=0)).mean() + np.abs(np.diff(image, axis=1)).mean()) / 255,
            "edge": jump_of(image) + jump_of(slopes_of(image)) + lines_of(image),
            "color": color_distance(image, square.astype(np.float64)),
        }
        expected["total"] = sum(weights[f"{name}_weight"] * value for name, value in expected.items())
        assert {name: value[index] for name, value in found.items()} == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("style_loss", STYLE_LOSSES)
def test_a_picture_with_the_statistics_of_the_style_has_no_style_loss(vgg_arrays: Arrays, style_loss: Any) -> None:
    square = STYLE[:64, :64]
    loss = PerceptualLoss(LossNetwork(vgg_arrays), square, StyleTrainTable(style_size=64, style_loss=style_loss))
    found = loss(images(3)[:1, :32, :32].repeat(2, 1).repeat(2, 2), square[None].astype(np.float32))
    assert found["style"].numpy() == pytest.approx(0, abs=1e-5)
    same = loss(square[None].astype(np.float32), square[None].astype(np.float32))
    assert same["color"].numpy() == pytest.approx(0, abs=1e-9)
    assert (loss(images(3), images(4))["style"].numpy() > 0.01).all()


def test_the_color_loss_pulls_only_where_it_has_a_weight(vgg_arrays: Arrays) -> None:
    output, gradients = tf.constant(images(4)), []
    for weight in (0.0, 5.0):
        table = StyleTrainTable(style_size=64, color_weight=weight)
        loss = PerceptualLoss(LossNetwork(vgg_arrays), STYLE, table)
        with tf.GradientTape() as tape:
            tape.watch(output)
            found = loss(images(3), output)
        gradients.append(tape.gradient(found["total"], output).numpy())
        assert (found["color"].numpy() > 0).all()
    plain = StyleTrainTable(style_size=64, color_weight=0.0)
    with tf.GradientTape() as tape:
        tape.watch(output)
        pixels = PerceptualLoss(LossNetwork(vgg_arrays), STYLE, plain.model_copy(update={"color_weight": 1.0}))(
            images(3), output
        )["color"]
    np.testing.assert_allclose(gradients[1] - gradients[0], 5 * tape.gradient(pixels, output), atol=1e-6)


def test_the_color_loss_sees_what_the_eye_sees_of_fine_lines(vgg_arrays: Arrays) -> None:
    """Stripes of yellow and blue, a pixel wide each, hold the colours of broad ones, and look gray."""
    broad, fine = (np.zeros((64, 64, 3), np.uint8) for _ in range(2))
    broad[:] = fine[:] = (60, 80, 160)
    broad[:32] = fine[::2] = (220, 200, 60)
    loss = PerceptualLoss(LossNetwork(vgg_arrays), broad, StyleTrainTable(style_size=64))
    found = [
        float(loss(one, one)["color"].numpy()[0])
        for one in (broad[None].astype(np.float32), fine[None].astype(np.float32))
    ]
    assert found[0] == pytest.approx(0, abs=1e-9)
    assert found[1] > 0.1


def test_a_photo_has_no_content_distance_to_itself_and_is_no_style(vgg_arrays: Arrays) -> None:
    found = PerceptualLoss(LossNetwork(vgg_arrays), STYLE, StyleTrainTable(style_size=64))(images(3), images(3))
    assert found["content"].numpy() == pytest.approx(0, abs=1e-4)
    assert (found["style"].numpy() > 0.1).all()


@pytest.mark.parametrize("style_loss", STYLE_LOSSES)
def test_the_gradient_is_finite_where_a_distance_vanishes(vgg_arrays: Arrays, style_loss: Any) -> None:
    square = STYLE[:64, :64]
    loss = PerceptualLoss(LossNetwork(vgg_arrays), square, StyleTrainTable(style_size=64, style_loss=style_loss))
    image = tf.Variable(square[None], dtype=tf.float32)
    with tf.GradientTape() as tape:
        total = loss(tf.identity(image), image)["total"]
    assert np.isfinite(tape.gradient(total, image).numpy()).all()


def test_losses_that_are_slow_are_there_where_they_have_a_weight(vgg_arrays: Arrays) -> None:
    table = StyleTrainTable(style_size=64, weave_weight=0.5, wasserstein_weight=2.0)
    assert loss_names(StyleTrainTable()) == LOSSES
    assert loss_names(table) == (*LOSSES, "weave", "wasserstein")
    assert loss_names(StyleTrainTable(stability_weight=0.1)) == (*LOSSES, "stability")
    plain, found = (
        PerceptualLoss(LossNetwork(vgg_arrays), STYLE, one)(images(3), images(4))
        for one in (StyleTrainTable(style_size=64), table)
    )
    assert tuple(plain) == LOSSES
    assert tuple(found) == loss_names(table)
    more = 0.5 * found["weave"] + 2 * found["wasserstein"]
    np.testing.assert_allclose(found["total"] - plain["total"], more, rtol=1e-4)


def test_along_the_edges_only_the_loss_of_edges_looks(vgg_arrays: Arrays) -> None:
    network, border = LossNetwork(vgg_arrays), StyleTrainTable(style_size=64, color_weight=1.0, loss_border=6)
    photo, output = images(3), images(4)
    found = PerceptualLoss(network, STYLE, border)(photo, output)
    plain = PerceptualLoss(network, STYLE, border.model_copy(update={"loss_border": 0}))
    inner, whole = plain(photo[:, 6:-6, 6:-6], output[:, 6:-6, 6:-6]), plain(photo, output)
    for name in LOSSES[1:]:
        np.testing.assert_allclose(found[name], (whole if name == "edge" else inner)[name], rtol=1e-4)


def test_scales_are_means_over_the_picture_and_its_halves(vgg_arrays: Arrays) -> None:
    network, table = LossNetwork(vgg_arrays), StyleTrainTable(style_size=64, wasserstein_weight=1.0, style_scales=2)
    one = table.model_copy(update={"style_scales": 1})
    output, square = images(4), np.asarray(Image.fromarray(STYLE).resize((64, 64), Image.Resampling.LANCZOS))
    both, whole = (PerceptualLoss(network, square, used)(images(3), output) for used in (table, one))
    halved = output.reshape(2, 20, 2, 26, 2, 3).mean((2, 4))
    features_of = [features(vgg_arrays, image) for image in (output, halved)]
    style = [
        features(vgg_arrays, image[None].astype(np.float32))
        for image in (square, square.reshape(32, 2, 32, 2, 3).mean((1, 3)))
    ]
    for index in range(2):
        distances = [
            moments_distance(own[index], its[0])
            for at in range(2)
            for own, its in zip(features_of[at], style[at], strict=True)
        ]
        assert both["style"].numpy()[index] == pytest.approx(np.mean(distances), rel=1e-4)
    np.testing.assert_allclose(both["content"], whole["content"], rtol=1e-6)
    small = square.reshape(32, 2, 32, 2, 3).mean((1, 3)).round().astype(np.uint8)
    half = PerceptualLoss(network, small, one.model_copy(update={"style_size": 32}))(halved, halved)
    mean = (whole["wasserstein"] + half["wasserstein"]) / 2
    np.testing.assert_allclose(both["wasserstein"], mean, rtol=0.02)  # the style at half the size was rounded to bytes


def test_several_styles_at_several_scales_are_taken_one_an_item(vgg_arrays: Arrays) -> None:
    loss = PerceptualLoss(LossNetwork(vgg_arrays), STYLE, StyleTrainTable(style_size=64, style_scales=2))
    targets = [loss.target(STYLE), loss.target(STYLE[::-1, :40])]
    output = tf.Variable(images(4))
    with tf.GradientTape() as tape:
        found = loss(images(3), tf.identity(output), StyleTarget.stacked(targets).taken(tf.constant([1, 0])))
    assert np.isfinite(tape.gradient(found["total"], output).numpy()).all()
    alone = [loss(images(3), images(4), target)["style"].numpy() for target in targets]
    np.testing.assert_allclose(found["style"], [alone[1][0], alone[0][1]], rtol=1e-4)


@pytest.mark.parametrize("given", [{"crop": 96, "loss_border": 8}, {"style_size": 80}])
def test_images_that_are_too_small_for_the_scales_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"style_scales 4, .* images of 10 pixels a side; 16 are the least"):
        StyleTrainTable(style_scales=4, **given)
    assert StyleTrainTable(style_scales=3, **given).style_scales == 3


def test_the_wasserstein_loss_sees_tails_that_moments_do_not(vgg_arrays: Arrays) -> None:
    """Two textures of one mean and one variance: of two values as often, and of rare high ones."""
    random = np.random.default_rng(7)
    own, style = (
        random.permutation(np.repeat(values, counts)).reshape(80, 80, 1).repeat(3, -1)
        for values, counts in (((98, 158), (3200, 3200)), ((118, 218), (5760, 640)))
    )
    table = StyleTrainTable(style_size=80, wasserstein_weight=1.0)
    loss = PerceptualLoss(LossNetwork(vgg_arrays), style.astype(np.uint8), table)
    of_own, of_style = (loss(one, one) for one in (own[None].astype(np.float32), style[None].astype(np.float32)))
    assert of_style["wasserstein"].numpy() == pytest.approx(0, abs=1e-6)
    assert of_own["wasserstein"].numpy() > 0.02


def test_the_power_of_the_wasserstein_loss(vgg_arrays: Arrays) -> None:
    """The distance itself, or its square; both have a gradient where nothing is left of them."""
    square = STYLE[:64, :64]
    found = {}
    for power in (1, 2):
        table = StyleTrainTable(style_size=64, wasserstein_weight=1.0, wasserstein_power=power)
        loss = PerceptualLoss(LossNetwork(vgg_arrays), square, table)
        image = tf.Variable(square[None], dtype=tf.float32)
        with tf.GradientTape() as tape:
            same = loss(tf.identity(image), image)["wasserstein"]
        assert np.isfinite(tape.gradient(same, image).numpy()).all()
        assert same.numpy() == pytest.approx(0, abs=2e-4)
        found[power] = loss(images(3), images(4))["wasserstein"].numpy()
    # A mean of roots is at most the root of the mean (Jensen).
    assert (found[1] <= np.sqrt(found[2]) + 1e-4).all()
    assert (found[1] > 0.5 * np.sqrt(found[2])).all()


@pytest.mark.parametrize("sides", [(40, 52), (97, 130)])
def test_projections_are_those_of_positions_at_an_odd_distance(sides: tuple[int, int]) -> None:
    features = np.random.default_rng(5).normal(size=(2, *sides, 6)).astype(np.float32)
    stride = 1 if sides == (40, 52) else 3
    picked = features[:, ::stride, ::stride].reshape(2, -1, 6)
    expected = np.sort(np.swapaxes(picked @ directions(6)[:, :32], 1, 2), -1)
    np.testing.assert_allclose(sorted_projections(tf.constant(features)), expected, atol=1e-5)
