"""Folding of operations that need not run on the phone into the weights next to them."""

from __future__ import annotations

from typing import Any

import tf_keras as keras

from models.layers import Rescaling


def fold_input_scale(model: keras.Model) -> keras.Model:
    """A copy of *model* whose input scale has gone into the first kernel.

    Exact: the scale is a power of two and the offset is zero, so that zero padding stays zero. One
    operation less in every exported file, and fp16 then sees activations of order one.
    """
    scales = [layer for layer in model.layers if _foldable(layer)]

    def copied(layer: Any) -> Any:
        if layer in scales:
            return keras.layers.Activation("linear", name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    folded = keras.models.clone_model(model, clone_function=copied)
    folded.set_weights(model.get_weights())
    for layer in scales:
        convolution = folded.get_layer(_consumers(layer)[0].name)
        convolution.kernel.assign(convolution.kernel * layer.scale)
    return folded


def _foldable(layer: Any) -> bool:
    """Whether *layer* only scales, and a single convolution takes its output."""
    if not isinstance(layer, Rescaling) or layer.offset:
        return False
    consumers = _consumers(layer)
    return len(consumers) == 1 and type(consumers[0]) is keras.layers.Conv2D


def _consumers(layer: Any) -> list[Any]:
    return [node.outbound_layer for node in layer.outbound_nodes]
