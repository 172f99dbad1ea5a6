"""Folding of operations that need not run on the phone into the weights next to them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import tf_keras as keras

from export_pipeline.compress.places import places
from export_pipeline.formats.format import Rounded
from export_pipeline.models.layers import Rescaling

if TYPE_CHECKING:
    from export_pipeline.compress.compressed import Compressed
    from export_pipeline.compress.tools import Tools


def run(now: Compressed, tools: Tools | None = None) -> Compressed:
    """The step: what is exported is a copy with the input scale folded away, in floats and as it learnt to round."""
    deployed = fold_input_scale(now.model)
    return replace(now, deployed=deployed, rounded=_rounded(deployed, now) if now.ranges else None)


def _rounded(deployed: keras.Model, now: Compressed) -> Rounded:
    """*deployed*, made of the network of *now*, with its trained ranges."""
    from export_pipeline.compress import fake_quant

    scales = {layer.name: layer.scale for layer in _takers(now.model)}
    ranges = {
        name: (min(limits), max(limits))
        for name, found in now.ranges.items()
        for limits in [[limit / scales.get(name, 1.0) for limit in found]]
    }
    wanted = {name: replace(place, range=ranges.get(name)) for name, place in places(now.model).items()}
    clusters = now.plan.bits if now.plan else {}
    return Rounded(fake_quant.fake_quantized(deployed, wanted, clusters, keeps=False), ranges)


def fold_input_scale(model: keras.Model) -> keras.Model:
    """A copy of *model* whose input scale has gone into the first kernel.

    Exact: the scale is a power of two and the offset is zero, so that zero padding stays zero. One
    operation less in every exported file, and fp16 then sees activations of order one.
    """
    scales = _takers(model)

    def copied(layer: Any) -> Any:
        if layer in scales:
            return keras.layers.Activation("linear", name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    folded = keras.models.clone_model(model, clone_function=copied)
    folded.set_weights(model.get_weights())
    for layer, taker in scales.items():
        convolution = folded.get_layer(taker.name)
        convolution.kernel.assign(convolution.kernel * layer.scale)
    return folded


def folded_scales(model: keras.Model) -> dict[str, float]:
    """The scale that folding will multiply the kernel of a convolution of *model* by, by layer name."""
    return {taker.name: layer.scale for layer, taker in _takers(model).items()}


def _takers(model: keras.Model) -> dict[Any, Any]:
    return {layer: taker for layer in model.layers if (taker := _taker(model, layer))}


def _taker(model: keras.Model, layer: Any) -> Any:
    """The convolution that the scale of *layer* can go into: ``None`` if it does more, or others take its output."""
    if not isinstance(layer, Rescaling) or layer.offset or not _power_of_two(layer.scale):
        return None
    # A pruned copy shares layers with its model; what only the copy has is not looked at.
    takers = {node.outbound_layer for node in layer.outbound_nodes} & set(model.layers)
    taker = takers.pop() if len(takers) == 1 else None
    return taker if type(taker) is keras.layers.Conv2D else None


def _power_of_two(scale: float) -> bool:
    """Whether multiplying by *scale* moves the exponent alone, so that no bit of a weight is lost."""
    return abs(math.frexp(scale)[0]) == 0.5
