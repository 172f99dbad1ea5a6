"""Clustering: each kernel is left with at most 2^bits values, its table, and the zeros that it had.

Trained quantization as in Han, Mao and Dally, "Deep Compression", 2016: the values of a table are trained, and
the gradient of each is the sum of the gradients of the weights that share it.

The values are ones that exported files hold exactly: 16-bit floats, also where the input scale is folded into
the kernel. A clustered kernel is nothing but a kernel with few values; who writes tables takes them from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from export_pipeline.compress.fold import folded_scales
from export_pipeline.compress.layers import convolutions
from export_pipeline.kmeans import kmeans

LARGEST = float(np.finfo(np.float16).max)


def representable(values: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """*values* rounded to float32 that a 16-bit float holds, also when multiplied by *scale*, a power of two."""
    largest = LARGEST / max(1.0, abs(scale))
    half = np.clip(values, -largest, largest).astype(np.float16).astype(np.float32)
    scaled = (half * np.float32(scale)).astype(np.float16).astype(np.float32)
    # No negative zero: it would be a second zero of the table.
    return np.asarray(scaled / np.float32(scale) + np.float32(0))


def clustered(kernel: np.ndarray, bits: int, importance: np.ndarray | None = None, scale: float = 1.0) -> np.ndarray:
    """*kernel* with at most ``2**bits`` values, zero where it was zero.

    Args:
        kernel: of any shape.
        bits: 1..8.
        importance: what the squared error of each weight counts, in the shape of *kernel*; ``None``: all the same.
        scale: what the kernel will be multiplied by when it is folded.
    """
    found = kmeans(kernel, 2**bits, weights=importance, keep_zero=True)
    return np.asarray(representable(found.centroids, scale)[found.indices])


def cluster(model: keras.Model, bits: Mapping[str, int], importance: Mapping[str, np.ndarray]) -> None:
    """Cluster the kernels of *model* in place, each layer of *bits* to its width."""
    layers, scales = convolutions(model), folded_scales(model)
    for name, width in bits.items():
        kernel = layers[name].kernel
        kernel.assign(clustered(kernel.numpy(), width, importance.get(name), scales.get(name, 1.0)))


class TableConv2D(keras.layers.Conv2D):
    """A convolution whose kernel is ``table[indices]``. Only the table is trained; a zero in it stays zero."""

    def __init__(self, *arguments: Any, entries: int, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.entries = entries

    def build(self, input_shape: Any) -> None:
        """Make the table, and what says which of its values move and where they stand in the kernel."""
        shape = (*self.kernel_size, int(input_shape[self._get_channel_axis()]) // self.groups, self.filters)
        self.table = self.add_weight("table", (self.entries,))
        self.moves = self.add_weight("moves", (self.entries,), trainable=False)
        self.indices = self.add_weight("indices", shape, dtype=tf.int32, trainable=False, initializer="zeros")
        self.bias: Any = self.add_weight("bias", (self.filters,)) if self.use_bias else None
        self.built = True

    @property
    def kernel(self) -> Any:
        """The kernel that the convolution computes with."""
        return tf.gather(self.table * self.moves, self.indices)

    def take(self, layer: Any) -> None:
        """Take over the weights of *layer*, whose kernel has as many values as the table has entries."""
        table, indices = np.unique(layer.kernel.numpy(), return_inverse=True)
        self.table.assign(table)
        self.moves.assign(table != 0)
        self.indices.assign(indices.reshape(self.indices.shape))
        if self.use_bias:
            self.bias.assign(layer.bias)

    def give(self, layer: Any, scale: float) -> None:
        """Give *layer* the weights as trained, the table rounded to values that files hold."""
        table = representable((self.table * self.moves).numpy(), scale)
        layer.kernel.assign(table[self.indices.numpy()])
        if self.use_bias:
            layer.bias.assign(self.bias)

    def get_config(self) -> dict[str, Any]:
        """The convolution's own, and the entries of the table."""
        return {**super().get_config(), "entries": self.entries}


def wrap(model: keras.Model, names: tuple[str, ...]) -> keras.Model:
    """*model* with tables for kernels in the layers *names*, clustered before; it shares the other layers."""
    layers = {name: layer for name, layer in convolutions(model).items() if name in names}

    def shared(layer: Any) -> Any:
        if layer.name not in layers:
            return layer
        return TableConv2D.from_config({**layer.get_config(), "entries": len(np.unique(layer.kernel.numpy()))})

    tabled = keras.models.clone_model(model, clone_function=shared)
    for name, layer in layers.items():
        tabled.get_layer(name).take(layer)
    return tabled


def settle(tabled: keras.Model, model: keras.Model) -> None:
    """Bring what was trained in *tabled*, made of *model* by :func:`wrap`, back to *model*.

    Here, after the last step, trained values become ones that files hold exactly.
    """
    scales = folded_scales(model)
    for layer in tabled.layers:
        if isinstance(layer, TableConv2D):
            layer.give(model.get_layer(layer.name), scales.get(layer.name, 1.0))
