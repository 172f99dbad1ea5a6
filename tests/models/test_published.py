"""The networks as they were published: their sizes, and how they begin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from export_pipeline import models

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2


PHOTO = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("network", "alpha", "parameters"),
    [
        ("johnson", 1.0, 1_677_638),
        ("johnson", 0.5, 424_102),
        ("johnson", 0.25, 108_374),
        ("small", 0.3, 11_868),
        ("subpixel", 0.44, 14_174),
    ],
)
def test_published_parameter_counts(network: str, alpha: float, parameters: int) -> None:
    model = models.NETWORKS[network](alpha=alpha)
    assert model.count_params() == parameters
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == parameters


@pytest.mark.parametrize(("network", "blocks"), [("johnson", 5), ("small", 3), ("subpixel", 2)])
def test_blocks_of_the_published_networks(network: str, blocks: int) -> None:
    added = [layer for layer in models.NETWORKS[network](alpha=0.125).layers if isinstance(layer, keras.layers.Add)]
    assert sum(layer.name.startswith("block") for layer in added) == blocks


def test_an_untrained_subpixel_network_paints_no_weave() -> None:
    """Each pixel of a square of 4x4 is made by the same kernel at first."""
    output = models.subpixel(alpha=0.44)(PHOTO).numpy()
    squares = output.reshape(8, 4, 8, 4, 3)
    np.testing.assert_allclose(squares, np.broadcast_to(squares[:, :1, :, :1], squares.shape), atol=1e-3)
    assert squares[:, 0, :, 0].std() > 5


@pytest.mark.parametrize("margin", [-4, 2.5, "8"])
def test_a_margin_that_is_no_number_of_pixels_is_refused(margin: Any) -> None:
    with pytest.raises(ValueError, match=r"margin is .*; it must be a whole number, 0 or more"):
        models.small(margin=margin)
