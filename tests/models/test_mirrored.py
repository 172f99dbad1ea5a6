"""Decoders mirror their encoder: sizes, channels, and how far they look."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from export_pipeline.models.mirrored import mirrored_decoder, reach, stride
from export_pipeline.models.vgg import STAGES, activations, needed_layers
from tests.models.material import photo

WIDTHS = (3, 4, 5, 6, 7)  # filters of each block
CHANNELS: dict[str, tuple[int, int]] = {}
for _layer in needed_layers(STAGES):
    CHANNELS[_layer] = (next(reversed(CHANNELS.values()))[1] if CHANNELS else 3, WIDTHS[int(_layer[4]) - 1])
EACH = pytest.mark.parametrize("tap", STAGES)


def encoder_weights() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(2)
    return {
        layer: (
            (random.standard_normal((3, 3, *pair)) * np.sqrt(2 / 9 / pair[0])).astype(np.float32),
            random.normal(0, 0.1, pair[1]).astype(np.float32),
        )
        for layer, pair in CHANNELS.items()
    }


@EACH
def test_it_has_the_encoder_s_layers_in_reverse(tap: str) -> None:
    model = mirrored_decoder(CHANNELS, tap, 2.0)
    kernels = {layer.name: layer.kernel.shape for layer in model.layers if hasattr(layer, "kernel")}
    layers = needed_layers((tap,))
    assert list(kernels) == list(reversed(layers))
    assert all(tuple(kernels[layer]) == (3, 3, CHANNELS[layer][1], CHANNELS[layer][0]) for layer in layers)
    features = np.ones((2, 3, 4, CHANNELS[layers[-1]][1]), np.float32)
    assert model(features).shape == (2, 3 * stride(tap), 4 * stride(tap), 3)


@EACH
def test_a_flat_image_has_no_frame(tap: str) -> None:
    """Whatever the weights are, what is the same everywhere stays so up to the edge."""
    image = np.full((1, 48, 64, 3), 90, np.float32)
    (features,) = activations(image, encoder_weights(), (tap,), repeated=True)
    made = scrambled_decoder(tap)(features).numpy()
    np.testing.assert_allclose(made, np.broadcast_to(made[:, :1, :1], made.shape), atol=1e-2)
    (framed,) = activations(image, encoder_weights(), (tap,))
    assert np.ptp(framed.numpy(), axis=(1, 2)).max() > 1


def scrambled_decoder(tap: str) -> Any:
    model = mirrored_decoder(CHANNELS, tap, 30.0)
    random = np.random.default_rng(3)
    model.set_weights([
        (random.standard_normal(w.shape) * (np.sqrt(2 / np.prod(w.shape[:3])) if w.shape.rank > 1 else 0.3)).astype(
            np.float32
        )
        for w in model.weights
    ])  # fmt: skip
    return model


@EACH
def test_neither_half_looks_farther_than_it_says(tap: str) -> None:
    side, margin = 16 * stride(tap) + 4 * reach(tap), reach(tap)
    image = photo(side, side)
    weights, decoder = encoder_weights(), scrambled_decoder(tap)
    middle = side // 2 // stride(tap) * stride(tap)
    changed = image.copy()
    changed[:, middle:] = 255 - changed[:, middle:]
    whole, other = (activations(one, weights, (tap,), repeated=True)[0].numpy() for one in (image, changed))
    kept = (middle - margin) // stride(tap)
    np.testing.assert_array_equal(whole[:, :kept], other[:, :kept])
    assert (whole != other).any()
    features = whole.copy()
    features[:, middle // stride(tap) :] += 1
    made, moved = (decoder(one).numpy() for one in (whole, features))
    np.testing.assert_array_equal(made[:, : middle - margin], moved[:, : middle - margin])
    assert (made != moved).any()


def test_what_there_is_not_is_refused() -> None:
    for call in (lambda: mirrored_decoder(CHANNELS, "relu6_1"), lambda: stride("conv1_1"), lambda: reach("relu4_2")):
        with pytest.raises(ValueError, match="allowed: relu1_1, relu2_1"):
            call()
    with pytest.raises(ValueError, match="scale is 0"):
        mirrored_decoder(CHANNELS, "relu1_1", 0)
