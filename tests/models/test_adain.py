"""The network of any style, and the encoder that tells it one."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline import models
from export_pipeline.models.adain import FEATURE_SCALES, MOMENTS, STYLE_LAYERS
from export_pipeline.models.layers import InstanceNormalization
from export_pipeline.perception.loss_network import distilled
from tests.models.material import of_type, photo, styles
from tests.models.test_color_transfer import colors_of

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2

random = np.random.default_rng(3)
STYLES = styles(2)


def strengths(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None, None, None]


@cache
def network(**arguments: Any) -> Any:
    """A narrow one, with norms and shifts that no initializer gives."""
    model = models.adain_subpixel(**{"alpha": 0.25, "blocks": 1, **arguments})
    own = np.random.default_rng(4)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign_add(own.uniform(-0.2, 0.2, weight.shape).astype(np.float32))
    return model


@pytest.mark.parametrize("size", [(16, 16), (17, 30), (64, 48)])
def test_any_image_keeps_its_size_and_the_output_its_range(size: tuple[int, int]) -> None:
    for margin in (0, 4, 8):
        output = network(margin=margin)([photo(*size, 2), STYLES, strengths(1, 0.5)]).numpy()
        assert output.shape == (2, *size, 3)
        assert output.min() >= 0
        assert output.max() <= 255
        assert output.std() > 1


def test_each_image_of_a_batch_has_its_own_style_and_strength() -> None:
    images = photo(32, 24, 2)
    both = network()([images, STYLES, strengths(1, 0.3)]).numpy()
    for index, strength in enumerate((1, 0.3)):
        alone = network()([images[index : index + 1], STYLES[index : index + 1], strengths(strength)])
        np.testing.assert_allclose(both[index], alone[0], atol=2e-3)


def test_a_style_changes_the_picture_and_at_strength_0_the_photograph_comes_out() -> None:
    images = np.repeat(photo(32, 24), 2, 0)
    styled, plain = (network()([images, STYLES, strengths(value, value)]).numpy() for value in (1, 0))
    assert np.abs(styled[0] - styled[1]).mean() > 1
    np.testing.assert_allclose(plain, images, atol=1e-3)


def test_every_convolution_but_the_last_has_a_norm_a_scale_and_a_shift() -> None:
    model = models.adain_subpixel()
    norms = of_type(model, InstanceNormalization)
    assert len(norms) == 9
    names = [layer.name for layer in of_type(model, keras.layers.Conv2D)]
    for norm in norms:
        stem = norm.name.removesuffix("_norm")
        assert {f"{stem}_conv", f"{stem}_scale", f"{stem}_shift"} <= set(names)
    assert model.count_params() == 244_920


def test_a_saved_network_comes_back_the_same(tmp_path: Path) -> None:
    inputs = [photo(20, 24), STYLES[:1], strengths(0.7)]
    network(margin=4).save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded(inputs), network(margin=4)(inputs))


def test_widths_are_those_of_single_convolutions() -> None:
    widths = {"down_conv": 7, "block0_b_conv": 7, "block0_a_conv": 3}
    model = models.adain_subpixel(alpha=0.25, blocks=1, widths=widths)
    found = {layer.name: layer.filters for layer in of_type(model, keras.layers.Conv2D)}
    assert {name: found[name] for name in widths} == widths
    assert model([photo(16, 16), STYLES[:1], strengths(1)]).shape == (1, 16, 16, 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"alpha": 0.03}, "alpha is 0.03"),
        ({"blocks": -1}, "blocks is -1"),
        ({"margin": 6}, "margin is 6; it must be a multiple of 4"),
        ({"margin": -4}, "margin is -4"),
        ({"widths": {"down_conv": 3}}, "their outputs are added"),
        ({"widths": {"out_conv": 3}}, "widths names 'out_conv'"),
    ],
    ids=str,
)
def test_bad_arguments_are_value_errors_that_name_them(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        models.adain_subpixel(**arguments)


def test_the_encoder_gives_means_and_deviations_of_the_loss_network() -> None:
    image = photo(128, 128)
    found = models.style_encoder(distilled().weights, 128)(image).numpy()
    assert found.shape == (1, 1, 1, MOMENTS)
    expected = []
    for features, scale in zip(distilled().features(STYLE_LAYERS)(image), FEATURE_SCALES, strict=True):
        scaled = features.numpy() / scale
        expected += [scaled.mean((0, 1, 2)), np.sqrt(scaled.var((0, 1, 2)) + 1e-5)]
    means, factor = colors_of(image[0])
    expected += [means, factor[np.tril_indices(3)]]
    np.testing.assert_allclose(found.ravel(), np.concatenate(expected), rtol=2e-3, atol=2e-4)


def test_a_projection_of_other_moments_is_refused() -> None:
    with pytest.raises(ValueError, match=r"233 moments are not projected by a mean \(4,\) and axes \(4, 2\)"):
        models.style_encoder(distilled().weights, 128, (np.zeros(4, np.float32), np.zeros((4, 2), np.float32)))


def test_along_axes_it_tells_how_moments_differ_from_their_mean_and_the_colours_as_they_are() -> None:
    image = photo(128, 128)
    moments = models.style_encoder(distilled().weights, 128)(image).numpy().ravel()
    mean, axes = random.uniform(0, 1, MOMENTS), random.normal(0, 1, (MOMENTS, 5))
    given = mean.astype(np.float32), axes.astype(np.float32)
    found = models.style_encoder(distilled().weights, 128, given)(image).numpy()
    assert found.shape == (1, 1, 1, 5 + 9)
    np.testing.assert_allclose(found.ravel()[:5], (moments - mean) @ axes, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(found.ravel()[5:], moments[-9:])


@pytest.mark.parametrize("size", [0, 32, 130])
def test_a_painting_has_a_side_that_the_pools_divide(size: int) -> None:
    with pytest.raises(ValueError, match=f"size is {size}; it must be a multiple of 64"):
        models.style_encoder(distilled().weights, size)
