"""What an error of a weight counts, estimated weight by weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

from export_pipeline.compress.layers import compressible_layers, convolutions, one_by_one
from export_pipeline.compress.tools import Tools
from export_pipeline.recipe import Recipe

SAMPLES = 4
# Of the mean: a weight that did nothing on these samples may do something on others.
LEAST_IMPORTANCE = 0.01

Importance = Mapping[str, np.ndarray]


def estimate_importance(model: keras.Model, recipe: Recipe, tools: Tools) -> Importance:
    """What the squared error of each weight counts when *recipe* has *model* clustered, in the shape of its kernel.

    ``fisher``: the mean squared gradient of the training loss, the diagonal of the empirical Fisher information
    (Choi et al., "Towards the Limit of Network Quantization", 2017). ``activation``: the mean square of the
    input channel that the weight is multiplied by. Means are 1 in each layer; empty for ``none``.
    """
    layers, kind = convolutions(model), recipe.compress.cluster.sensitivity
    names = compressible_layers(recipe.compress, layers)
    if kind == "none":
        return {}
    if kind == "fisher":
        tools.say("compress: Fisher information of the weights")
        found = tools.squared_gradients(model, [layers[name].kernel for name in names])
    else:
        found = input_powers(model, names, tools.inputs(SAMPLES))
    return {name: _normalized(values) for name, values in zip(names, found, strict=True)}


def _normalized(values: np.ndarray) -> np.ndarray:
    mean = float(np.mean(values, dtype=np.float64))
    return np.maximum(values / mean, LEAST_IMPORTANCE) if mean > 0 else np.ones_like(values)


def input_powers(model: keras.Model, names: Sequence[str], samples: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Mean square of each input channel of the layers *names* over *samples*, in the shapes of their kernels.

    *samples* are ``(N, ...)`` for each input of *model*.
    """
    layers = convolutions(model)
    # The first node of a layer is the one in the network itself; others are of copies that share it.
    seen_by = keras.Model(model.inputs, [layers[name].get_input_at(0) for name in names])
    sums = [np.zeros(layers[name].kernel.shape[2]) for name in names]
    for sample in one_by_one(samples):
        outputs = tf.nest.flatten(seen_by(sample, training=False))
        for total, seen in zip(sums, outputs, strict=True):
            total += np.mean(np.square(seen.numpy(), dtype=np.float64), axis=(0, 1, 2))
    count = len(samples[0])
    return [
        np.broadcast_to((total / count)[:, None], layers[name].kernel.shape).astype(np.float32)
        for name, total in zip(names, sums, strict=True)
    ]
