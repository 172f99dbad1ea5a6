"""The losses against the formulas of the reports, computed with NumPy in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import models
from export_pipeline.perception.loss_network import LossNetwork
from export_pipeline.perception.losses import (
    LOSSES,
    STYLE_LAYERS,
    PerceptualLoss,
    edge_jump,
    gram,
    relative,
    total_variation,
)
from export_pipeline.recipe import TrainTable

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


@pytest.mark.parametrize("layer", ["relu3_1", "relu4_1"])
def test_every_loss_is_the_one_of_the_definitions(vgg_arrays: Arrays, layer: Any) -> None:
    table = TrainTable(
        content_layer=layer, content_weight=0.7, style_weight=3.0, tv_weight=0.2, edge_weight=0.5, style_size=64
    )
    photo, output = images(3), images(4)
    found = {
        name: value.numpy()
        for name, value in PerceptualLoss(LossNetwork(vgg_arrays), STYLE, table)(photo, output).items()
    }
    assert tuple(found) == LOSSES

    square = np.asarray(Image.fromarray(STYLE).resize((64, 64), Image.Resampling.LANCZOS), np.float32)
    style = [gram_of(feature[0]) for feature in features(vgg_arrays, square[None])]
    of_photo, of_output = features(vgg_arrays, photo), features(vgg_arrays, output)
    for index in range(2):
        wanted = of_photo[STYLE_LAYERS.index(layer)][index]
        content = distance(of_output[STYLE_LAYERS.index(layer)][index] - wanted, wanted)
        styles = [distance(gram_of(f[index]) - g, g) for f, g in zip(of_output, style, strict=True)]
        image = output[index].astype(np.float64)
        variation = (np.abs(np.diff(image, axis=0)).mean() + np.abs(np.diff(image, axis=1)).mean()) / 255
        assert found["content"][index] == pytest.approx(content, rel=1e-4)
        assert found["style"][index] == pytest.approx(np.mean(styles), rel=1e-4)
        assert found["tv"][index] == pytest.approx(variation, rel=1e-4)
        edge = jump_of(image)
        assert found["edge"][index] == pytest.approx(edge, rel=1e-4)
        total = 0.7 * content + 3 * np.mean(styles) + 0.2 * variation + 0.5 * edge
        assert found["total"][index] == pytest.approx(total, rel=1e-4)


def test_a_photo_has_no_content_distance_to_itself_and_is_no_style(vgg_arrays: Arrays) -> None:
    found = PerceptualLoss(LossNetwork(vgg_arrays), STYLE, TrainTable(style_size=64))(images(3), images(3))
    assert found["content"].numpy() == pytest.approx(0, abs=1e-4)
    assert (found["style"].numpy() > 0.1).all()


@pytest.mark.parametrize("quarter", range(4))
def test_a_strip_along_an_edge_costs(quarter: int) -> None:
    """A network that finds the edges by their zero padding would paint one there."""
    plain = np.full((64, 64, 3), 90, np.float32)
    striped = plain.copy()
    striped[:8] = (255, 0, 0)
    turned = np.rot90(striped, quarter)
    assert edge_jump(plain[None]).numpy() == 0
    assert edge_jump(turned[None]).numpy() == pytest.approx((165 + 90 + 90) / 3 / 255 / 8, rel=1e-3)


def test_the_gradient_is_finite_where_a_distance_vanishes(vgg_arrays: Arrays) -> None:
    square = STYLE[:64, :64]
    loss, image = (
        PerceptualLoss(LossNetwork(vgg_arrays), square, TrainTable(style_size=64)),
        tf.Variable(square[None], dtype=tf.float32),
    )
    with tf.GradientTape() as tape:
        total = loss(tf.identity(image), image)["total"]
    assert np.isfinite(tape.gradient(total, image).numpy()).all()


def test_gram_matrices_of_any_size_are_comparable() -> None:
    tile = np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(gram(np.tile(tile, (1, 2, 3, 1))), gram(tile), rtol=1e-5)
    np.testing.assert_allclose(gram(tile)[0], gram_of(tile[0]), rtol=1e-5)


def test_relative_is_a_ratio_for_each_item() -> None:
    reference = np.array([[3.0, 4.0], [6.0, 8.0]], np.float32)
    np.testing.assert_allclose(relative(reference / 2, reference), [0.5, 0.5], rtol=1e-6)


def test_total_variation_of_a_flat_image_is_nothing_and_of_a_checkerboard_most() -> None:
    assert total_variation(np.full((1, 8, 8, 3), 99, np.float32)).numpy() == 0
    board = np.indices((8, 8)).sum(0)[None, ..., None] % 2 * np.float32(255) * np.ones(3, np.float32)
    assert total_variation(board).numpy() == pytest.approx(2)


def test_the_gradient_of_gram_is_that_of_its_product() -> None:
    features = tf.constant(np.random.default_rng(0).normal(size=(2, 5, 7, 3)))
    weights = np.random.default_rng(1).normal(size=(2, 3, 3))
    gradients = []
    for compute in (gram, lambda x: tf.einsum("nhwc,nhwd->ncd", x, x) / (5 * 7 * 3)):
        with tf.GradientTape() as tape:
            tape.watch(features)
            total = tf.reduce_sum(compute(features) * weights)
        gradients.append(tape.gradient(total, features).numpy())
    np.testing.assert_allclose(*gradients, rtol=1e-10)


@pytest.mark.parametrize("loss", [edge_jump, total_variation])
def test_gradients_are_slopes(loss: Any) -> None:
    """Of odd sides, by differences along a random direction; both losses are sums of absolute values."""
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
