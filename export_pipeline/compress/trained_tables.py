"""Trained quantization: tables of values that are trained while each weight stays with its value.

Han, Mao and Dally, "Deep Compression", 2016: the gradient of a value is the sum of the gradients of the weights that
share it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from export_pipeline.compress.fold import folded_scales
from export_pipeline.compress.kernels import representable
from export_pipeline.compress.layers import convolutions, copy_of


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


def with_tables(model: keras.Model, names: Collection[str]) -> keras.Model:
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


def without_tables(tabled: keras.Model, model: keras.Model) -> keras.Model:
    """A copy of *model*, of which :func:`with_tables` made *tabled*, with the kernels that were trained there.

    Here, after the last step, trained values become ones that files hold exactly.
    """
    plain, scales = copy_of(model), folded_scales(model)
    for layer in tabled.layers:
        if isinstance(layer, TableConv2D):
            layer.give(plain.get_layer(layer.name), scales.get(layer.name, 1.0))
    return plain
