"""A narrow encoder with decoders that nobody trained."""

from __future__ import annotations

import numpy as np

from export_pipeline.models.mirrored import mirrored_decoder
from export_pipeline.models.vgg import STAGES, needed_layers
from export_pipeline.perception.codec import ENCODER, Codec, channels_of, decoder_arrays, encoder_mark
from export_pipeline.perception.loss_network import LossNetwork

WIDTHS = (4, 5, 6, 7, 8)  # filters of each block


def narrow_network(seed: int = 4) -> LossNetwork:
    """An encoder of VGG's form of a few filters, whose features keep the size of what goes in."""
    random, weights, channels = np.random.default_rng(seed), {}, 3
    for layer in needed_layers(STAGES):
        filters = WIDTHS[int(layer[4]) - 1]
        kernel = random.standard_normal((3, 3, channels, filters)) * np.sqrt(2 / 9 / channels)
        weights[layer] = (kernel.astype(np.float32), random.normal(0, 5, filters).astype(np.float32))
        channels = filters
    return LossNetwork(weights)


def arrays_of(network: LossNetwork, taps: tuple[str, ...] = STAGES, seed: int = 5) -> dict[str, np.ndarray]:
    """Of decoders that were drawn at random, as a file of them holds."""
    random, found = np.random.default_rng(seed), {ENCODER: encoder_mark(network)}
    for tap in taps:
        decoder = mirrored_decoder(channels_of(network), tap, 50.0)
        for variable in decoder.weights:
            wide = np.sqrt(2 / np.prod(variable.shape[:3])) if variable.shape.rank > 1 else 0.1
            variable.assign(random.standard_normal(variable.shape) * wide)
        found |= decoder_arrays(decoder, tap, 50.0)
    return found


def narrow_codec(taps: tuple[str, ...] = STAGES) -> Codec:
    """The encoder with the decoders."""
    network = narrow_network()
    return Codec.of(network, arrays_of(network, taps), "test")
