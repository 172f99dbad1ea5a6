"""A decoder that begins as another encoder's: what a narrow pair has learned is where a wide one starts.

A linear map P takes the features F of an encoder nearly to those F' of another: ``F' = F P``. P and then the other
decoder together decode F. Its filters become the first ones of a wider decoder. The filters that are added read
everything, and no first one reads them. So the wide decoder at first paints the same, as in "Net2Net" (Chen et al.,
2016), and its gradients reach the new filters from the first step on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from export_pipeline.errors import UsageError
from export_pipeline.models.vgg import activations, needed_layers
from export_pipeline.perception.codec import Codec, channels_of, constants
from export_pipeline.perception.linear_map import least_squares
from export_pipeline.perception.loss_network import LossNetwork


def check_fits(network: LossNetwork, start: Codec, taps: Collection[str]) -> None:
    """Raise if a decoder of *start* cannot be the beginning of one of *network*.

    Raises:
        UsageError: *start* lacks one of the *taps*, or has more filters in a layer than *network*.
    """
    missing = [tap for tap in taps if tap not in start.decoders]
    if missing:
        told = ", ".join(missing)
        raise UsageError(f"the decoders to start from lack {told}. Give --start nothing, or a shallower --deepest.")
    own, other = channels_of(network), channels_of(start.network)
    wider = [layer for layer in needed_layers(tuple(taps)) if other[layer][1] > own[layer][1]]
    if wider:
        raise UsageError(f"the decoders to start from have more filters in {', '.join(wider)}. Give --start nothing.")


def feature_map(network: LossNetwork, start: Codec, tap: str, batches: Iterable[np.ndarray]) -> np.ndarray:
    """The P of least ``||F' - F P||^2`` at *tap* over *batches* of images ``(N, H, W, 3)`` RGB 0..255: ``(C, C')``."""
    own = cross = np.zeros(())
    ours, theirs = constants(network, tap), constants(start.network, tap)
    for images in batches:
        x, y = (
            activations(images, weights, (tap,), repeated=True)[0].numpy().reshape(-1, weights[_last(tap)][1].shape[0])
            for weights in (ours, theirs)
        )
        own, cross = own + (x.T @ x).astype(np.float64), cross + (x.T @ y).astype(np.float64)
    return least_squares(own, cross)


def begin_as(decoder: Any, scale: float, start: Codec, tap: str, projection: np.ndarray) -> None:
    """Let *decoder* of *tap*, of features divided by *scale*, paint what that of *start* paints of ``F projection``."""
    narrow = start.decoders[tap]
    other_scale = 1 / narrow.get_layer("scaled").scale
    for layer in needed_layers((tap,)):
        kernel, bias = (np.array(part) for part in decoder.get_layer(layer).get_weights())
        first, first_bias = narrow.get_layer(layer).get_weights()
        if layer == _last(tap):
            first = np.einsum("hwio,ci->hwco", first, projection * (scale / other_scale))
        inputs, filters = first.shape[2:]
        kernel[:, :, inputs:, :filters] = 0
        kernel[:, :, :inputs, :filters], bias[:filters] = first, first_bias
        decoder.get_layer(layer).set_weights([kernel, bias])


def _last(tap: str) -> str:
    return tap.replace("relu", "conv")
