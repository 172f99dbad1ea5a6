"""The U-Net: what it is made of, and that it looks both far and closely."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from export_pipeline import models
from export_pipeline.models.layers import MatchSize

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2

PHOTO = np.random.default_rng(0).uniform(0, 255, (1, 64, 48, 3)).astype(np.float32)


def filters(model: Any) -> dict[str, int]:
    return {layer.name: layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}


@pytest.mark.parametrize("norm", models.NORMS)
def test_it_has_half_a_million_weights(norm: str) -> None:
    trained = sum(int(np.prod(weight.shape)) for weight in models.unet(norm=norm).trainable_weights)
    assert trained == 536_609


def test_four_levels_and_a_skip_at_each_of_three() -> None:
    model = models.unet(height=64, width=48)
    assert model.get_layer("bottom_b_conv").output_shape == (None, 8, 6, 128)
    for level, count in enumerate((16, 32, 64)):
        skip = model.get_layer(f"up{level}_skip")
        assert skip.output_shape == (None, 64 >> level, 48 >> level, 2 * count)
        assert skip.input[0] is model.get_layer(f"down{level}_b_relu").output


def influence(model: Any) -> np.ndarray:
    """How far from a pixel the output in the middle of an image changes with it, by the rows of the image."""
    changed = PHOTO.copy()
    changed[:, 32, 24] += 50
    difference = np.abs(model(changed, training=False) - model(PHOTO, training=False))[0, ..., 0]
    return np.asarray(difference.max(axis=1))


def test_it_looks_far_through_the_bottom_and_closely_through_the_skips() -> None:
    keras.utils.set_random_seed(0)
    model = models.unet(alpha=0.25)
    assert influence(model)[[4, 60]].min() > 0
    for level in range(3):  # without what comes from below
        layer = model.get_layer(f"up{level}_conv")
        layer.kernel.assign(layer.kernel * 0)
    near = influence(model)
    assert near[32] > 0
    assert not near[:24].any()
    assert not near[40:].any()


def test_single_convolutions_have_the_filters_of_widths() -> None:
    widths = {"down0_a_conv": 3, "down1_b_conv": 5, "bottom_b_conv": 1, "up2_conv": 2, "up0_b_conv": 7}
    model = models.unet(alpha=0.25, widths=widths)
    assert filters(model) == {**filters(models.unet(alpha=0.25)), **widths}
    assert model(PHOTO).shape == (1, 64, 48, 1)


@pytest.mark.parametrize(
    ("widths", "told"),
    [
        ({"out_conv": 1}, "widths names 'out_conv'; allowed: down0_a_conv, .*bottom_a_conv, .*up0_b_conv$"),
        ({"up3_conv": 1}, "widths names 'up3_conv'"),
        ({"up0_conv": 0}, "widths gives up0_conv 0 filters; it must be a whole number, 1 or more"),
    ],
    ids=str,
)
def test_bad_widths_are_value_errors(widths: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        models.unet(alpha=0.25, widths=widths)


def test_sizes_that_can_be_halved_three_times_leave_nothing_to_crop() -> None:
    fitting, odd = models.unet(alpha=0.25, height=64, width=48), models.unet(alpha=0.25, height=65, width=48)
    for model, cropped in ((fitting, False), (odd, True)):
        crops = [layer for layer in model.layers if isinstance(layer, MatchSize)]
        assert len(crops) == 3
        assert any(layer.input[0].shape != layer.output.shape for layer in crops) is cropped
