"""Fake quantization: a network that rounds and clips as its full-integer file will.

tfmot wraps the layers. What is rounded of each is said by ``places.py``: tfmot's own rules know no instance norm, no
scaling and no depth to space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras

from export_pipeline.compress.places import Place, Range
from export_pipeline.errors import RecipeError

# How much of a range is kept at each step; tfmot keeps 0.999, which a fine-tuning of some hundred steps never forgets.
DECAY = 0.99


def fake_quantized(
    model: keras.Model, wanted: Mapping[str, Place], clusters: Mapping[str, int] | None = None, keeps: bool = True
) -> keras.Model:
    """A network like *model*, with variables of its own, that rounds as *wanted* says.

    Args:
        wanted: of every layer, by its name.
        clusters: values of each kernel that is to keep as few; its range is one for all channels then, or rounding
            would make as many values of each as there are channels.
        keeps: whether zeros and clusters of the kernels are kept while training.
    """

    def annotated(layer: Any) -> Any:
        place = wanted[layer.name]
        table = bool(clusters and layer.name in clusters)
        config = LayerQuantization(place.kernel, place.rounds, place.range, keeps, table)
        return tfmot.quantization.keras.quantize_annotate_layer(layer.__class__.from_config(layer.get_config()), config)

    twin = keras.models.clone_model(model, clone_function=annotated)
    twin.set_weights(model.get_weights())
    return tfmot.quantization.keras.quantize_apply(twin, _Scheme(), quantized_layer_name_prefix="")


@keras.utils.register_keras_serializable(package="export_pipeline")
class LayerQuantization(tfmot.quantization.keras.QuantizeConfig):
    """How tfmot is to round one layer, as a :class:`Place` says."""

    def __init__(self, kernel: str, rounds: bool, range: Any, keeps: bool, table: bool) -> None:
        self.kernel, self.rounds, self.keeps, self.table = kernel, rounds, keeps, table
        self.range = None if range is None else (float(range[0]), float(range[1]))

    def get_weights_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:  # noqa: D102  as tfmot says, here and below
        return [(getattr(layer, self.kernel), _Kernel(self.keeps, self.table))] if self.kernel else []

    def get_activations_and_quantizers(self, layer: Any) -> list[Any]:  # noqa: D102
        return []

    def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:  # noqa: D102
        for weight in quantize_weights:
            setattr(layer, self.kernel, weight)

    def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:  # noqa: D102
        pass

    def get_output_quantizers(self, layer: Any) -> list[Any]:  # noqa: D102
        if not self.rounds:
            return []
        return [_Moving() if self.range is None else _Fixed(*self.range)]

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        names = ("kernel", "rounds", "range", "keeps", "table")
        return {name: getattr(self, name) for name in names}


class _Fixed(tfmot.quantization.keras.quantizers.Quantizer):
    """Rounds to a range that is known."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        return {}

    def __call__(self, inputs: Any, training: Any, weights: Mapping[str, Any], **_: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_vars(inputs, self.low, self.high)

    def get_config(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}


class _Moving(tfmot.quantization.keras.quantizers.Quantizer):
    """Rounds to a range that follows the least and the greatest values while training."""

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        zero = keras.initializers.Constant(0.0)
        return {
            side: layer.add_weight(f"{name}_{side}", shape=(), initializer=zero, trainable=False) for side in _SIDES
        }

    def __call__(self, inputs: Any, training: Any, weights: Mapping[str, Any], **_: Any) -> Any:
        if training:
            # Zero is in every range: it is the padding, and what a ReLU gives most.
            seen = {"low": tf.minimum(tf.reduce_min(inputs), 0.0), "high": tf.maximum(tf.reduce_max(inputs), 0.0)}
            for side, value in seen.items():
                weights[side].assign(DECAY * weights[side] + (1 - DECAY) * tf.stop_gradient(value))
        return tf.quantization.fake_quant_with_min_max_vars(inputs, weights["low"], weights["high"])

    def get_config(self) -> dict[str, Any]:
        return {}


_SIDES = ("low", "high")


class _Kernel(tfmot.quantization.keras.quantizers.Quantizer):
    """Rounds a kernel to 255 values, zero in their middle, and keeps its zeros and, if asked to, its clusters.

    Without clusters there is a range for each output channel.
    """

    def __init__(self, keeps: bool, table: bool) -> None:
        self.keeps, self.table = keeps, table

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        if not self.keeps:
            return {}
        kernel = getattr(layer.layer, name).numpy()
        held: dict[str, Any] = {"mask": tf.constant(kernel != 0, kernel.dtype)}
        if self.table:
            _, indices, counts = np.unique(kernel, return_inverse=True, return_counts=True)
            held |= {"indices": tf.constant(indices.reshape(-1), tf.int32), "counts": tf.constant(counts, kernel.dtype)}
        return held

    def __call__(self, inputs: Any, training: Any, weights: Mapping[str, Any], **_: Any) -> Any:
        kernel = inputs * weights["mask"] if "mask" in weights else inputs
        if "counts" in weights:
            # The mean of the members: each gets the same gradient, so that they stay together.
            sums = tf.math.unsorted_segment_sum(tf.reshape(kernel, [-1]), weights["indices"], len(weights["counts"]))
            kernel = tf.reshape(tf.gather(sums / weights["counts"], weights["indices"]), kernel.shape)
        return rounded_kernel(kernel, self.table)

    def get_config(self) -> dict[str, Any]:
        return {"keeps": self.keeps, "table": self.table}


def rounded_kernel(kernel: Any, one_range: bool) -> Any:
    """*kernel* with 255 values, those of each of its last axis apart unless there is *one_range* for all of them.

    The last axis of a depthwise kernel has one place, and so all of its channels one range.
    """
    greatest = tf.stop_gradient(tf.reduce_max(tf.abs(kernel), axis=(0, 1, 2)))
    if one_range:
        # One for each channel all the same: the converter folds norms into kernels of no other kind.
        greatest = tf.fill(greatest.shape, tf.reduce_max(greatest))
    greatest = tf.where(greatest > 0, greatest, 1.0)  # of a pruned channel
    return tf.quantization.fake_quant_with_min_max_vars_per_channel(kernel, -greatest, greatest, narrow_range=True)


class _Scheme(tfmot.quantization.keras.QuantizeScheme):
    """The layers as they are, each with the rule that it was given."""

    def get_layout_transformer(self) -> Any:
        return _Layout()

    def get_quantize_registry(self) -> Any:
        return _Registry()


class _Layout(tfmot.quantization.keras.QuantizeLayoutTransform):
    def apply(self, model: Any, layer_quantize_map: Any) -> Any:
        return model, layer_quantize_map


class _Registry(tfmot.quantization.keras.QuantizeRegistry):
    def supports(self, layer: Any) -> bool:
        return False

    def get_quantize_config(self, layer: Any) -> Any:
        raise RecipeError(f"compress.quantize_aware: there is no rule for {layer.name}")


def moving(model: keras.Model) -> dict[str, dict[str, Any]]:
    """The variables of the ranges that training of *model* moves: ``low`` and ``high`` by layer name."""
    found: dict[str, dict[str, Any]] = {}
    for layer in model.layers:
        sides = {
            side: variable for variable in layer.weights for side in _SIDES if _short(variable) == f"output_{side}"
        }
        if sides:
            found[layer.name] = sides
    return found


def _short(variable: Any) -> str:
    return str(variable.name.split(":")[0].split("/")[-1])


def observed(model: keras.Model, names: Iterable[str], samples: Iterable[Any]) -> dict[str, Range]:
    """The least and the greatest value that each layer in *names* gives for *samples*, zero included."""
    names = list(names)
    seen_by = keras.Model(model.inputs, [model.get_layer(name).get_output_at(0) for name in names])
    found = dict.fromkeys(names, (0.0, 0.0))
    for sample in samples:
        for name, values in zip(names, tf.nest.flatten(seen_by(sample, training=False)), strict=True):
            low, high = float(tf.reduce_min(values)), float(tf.reduce_max(values))
            found[name] = (min(found[name][0], low), max(found[name][1], high))
    return found


def plain(quantized: keras.Model, model: keras.Model, copy: Callable[[keras.Model], keras.Model]) -> keras.Model:
    """A network like *model* with the weights of *quantized*, which rounds the same layers."""
    found = copy(model)
    for layer in found.layers:
        if layer.weights:
            values = {_short(variable): variable.numpy() for variable in quantized.get_layer(layer.name).weights}
            layer.set_weights([values[_short(variable)] for variable in layer.weights])
    return found
