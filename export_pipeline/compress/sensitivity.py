"""What a change of a weight does to the picture: estimated weight by weight, measured layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

from export_pipeline.compress.cluster import cluster, clustered
from export_pipeline.compress.fold import folded_scales
from export_pipeline.compress.layers import convolutions, taken
from export_pipeline.compress.tools import Tools
from export_pipeline.recipe import Recipe
from export_pipeline.recipe.compress import MOST_BITS

WIDTHS = tuple(range(1, MOST_BITS + 1))
PHOTOGRAPHS = 4
# Of the mean: a weight that did nothing on these photographs may do something on others.
LEAST_IMPORTANCE = 0.01


Importance = Mapping[str, np.ndarray]


def weigh(model: keras.Model, recipe: Recipe, tools: Tools) -> Importance:
    """What the squared error of each weight counts when *recipe* has *model* clustered, in the shape of its kernel.

    ``fisher``: the mean squared gradient of the training loss, the diagonal of the empirical Fisher information
    (Choi et al., "Towards the Limit of Network Quantization", 2017). ``activation``: the mean square of the
    input channel that the weight is multiplied by. Means are 1 in each layer; empty for ``none``.
    """
    layers, kind = convolutions(model), recipe.compress.cluster.sensitivity
    names = taken(recipe.compress, layers)
    if kind == "none":
        return {}
    if kind == "fisher":
        tools.say("compress: Fisher information of the weights")
        found = tools.squared_gradients(model, [layers[name].kernel for name in names])
    else:
        found = input_powers(model, names, tools.photographs(PHOTOGRAPHS))
    return {name: _normalized(values) for name, values in zip(names, found, strict=True)}


def _normalized(values: np.ndarray) -> np.ndarray:
    mean = float(np.mean(values, dtype=np.float64))
    return np.maximum(values / mean, LEAST_IMPORTANCE) if mean > 0 else np.ones_like(values)


def input_powers(model: keras.Model, names: Sequence[str], photographs: np.ndarray) -> list[np.ndarray]:
    """Mean square of each input channel of the layers *names* over *photographs*, in the shapes of their kernels."""
    layers = convolutions(model)
    # The first node of a layer is the one in the network itself; others are of copies that share it.
    inputs = keras.Model(model.inputs, [layers[name].get_input_at(0) for name in names])
    sums = [np.zeros(layers[name].kernel.shape[2]) for name in names]
    for photo in photographs:
        outputs = tf.nest.flatten(inputs(photo[None].astype(np.float32), training=False))
        for total, seen in zip(sums, outputs, strict=True):
            total += np.mean(np.square(seen.numpy(), dtype=np.float64), axis=(0, 1, 2))
    return [
        np.broadcast_to((total / len(photographs))[:, None], layers[name].kernel.shape).astype(np.float32)
        for name, total in zip(names, sums, strict=True)
    ]


class Yardstick:
    """How far the output of *model* is from what it was when this was made, on *photographs*."""

    def __init__(self, model: keras.Model, photographs: np.ndarray) -> None:
        tf.config.experimental.enable_op_determinism()
        self._model = model
        self._photographs = [tf.constant(photo[None], tf.float32) for photo in photographs]
        self._wanted = self._outputs()

    def error(self) -> float:
        """Mean squared error of the pictures, 0..255, to six digits: what is written down is what is compared."""
        pairs = zip(self._outputs(), self._wanted, strict=True)
        return float(f"{np.mean([np.mean(np.square(one - other)) for one, other in pairs]):.6g}")

    def _outputs(self) -> list[np.ndarray]:
        # Not as a graph: TensorFlow fuses batch norm with tanh there, and then cannot run it.
        return [self._model(photo, training=False).numpy().astype(np.float64) for photo in self._photographs]


def errors_by_width(
    model: keras.Model, name: str, weights: np.ndarray | None, yardstick: Yardstick
) -> tuple[float, ...]:
    """The error of the output when layer *name* alone is clustered, for each of :data:`WIDTHS`."""
    kernel, scale = convolutions(model)[name].kernel, folded_scales(model).get(name, 1.0)
    kept, errors = kernel.numpy(), []
    try:
        for bits in WIDTHS:
            kernel.assign(clustered(kept, bits, weights, scale))
            errors.append(yardstick.error())
    finally:
        kernel.assign(kept)
    return tuple(errors)


def error_together(model: keras.Model, bits: Mapping[str, int], importance: Importance, yardstick: Yardstick) -> float:
    """The error of the output with every layer of *bits* clustered to its width."""
    kernels = {name: convolutions(model)[name].kernel for name in bits}
    kept = {name: kernel.numpy() for name, kernel in kernels.items()}
    try:
        cluster(model, bits, importance)
        return yardstick.error()
    finally:
        for name, kernel in kernels.items():
            kernel.assign(kept[name])
