"""Layers as every converter takes them: the same weights and arithmetic, in a form that has one for all formats."""

from __future__ import annotations

from typing import Any

from export_pipeline.errors import ExportError

RECURRENT = ("LSTM", "GRU", "SimpleRNN")
# A step is some ten operations: longer series make files of more bytes than their weights, and converters slow.
MOST_STEPS = 512


def convertible(layer: Any) -> Any:
    """A copy of *layer* with variables of its own, for a network of static size or open for several.

    Recurrent layers are unrolled: of loops, some converters make what cannot be counted, and TFLite's 8-bit operation
    for an LSTM computes something else (measured: 2.4 times the largest output off). Grouped convolutions are left to
    one operation, which Keras hides in a function of its own.

    Raises:
        ExportError: a recurrent layer has more steps than are unrolled.
    """
    config = layer.get_config()
    _unroll(type(layer).__name__, config, layer)
    for inner in ("layer", "backward_layer"):
        if isinstance(config.get(inner), dict):
            _unroll(config[inner]["class_name"], config[inner]["config"], layer)
    copy = layer.__class__.from_config(config)
    for each in (copy, *(getattr(copy, name, None) for name in ("layer", "forward_layer", "backward_layer"))):
        if getattr(each, "groups", 1) > 1 and hasattr(each, "convolution_op"):
            each._jit_compiled_convolution_op = each.convolution_op
        if type(each).__name__ == "GRU" and each.reset_after:
            each.cell.call = _GruStep(each.cell)
    return copy


def _unroll(kind: str, config: dict[str, Any], layer: Any) -> None:
    if kind not in RECURRENT:
        return
    steps = layer.get_input_shape_at(0)[1]
    if steps is not None and steps > MOST_STEPS:
        raise ExportError(
            f"the recurrent layer {layer.name} has {steps} steps; at most {MOST_STEPS} are unrolled. Export a shorter "
            "series."
        )
    config["unroll"] = True
    if kind != "SimpleRNN":
        config["implementation"] = 2  # one product for all gates, with the kernel as it is


class _GruStep:
    """A step of a GRU, whose gates are split into three equal parts: Keras leaves the last to be inferred.

    Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation", 2014,
    with the reset gate after the product.
    """

    def __init__(self, cell: Any) -> None:
        self._cell = cell

    def __call__(self, inputs: Any, states: Any, training: Any = None) -> Any:
        import tensorflow as tf

        cell = self._cell
        before = states[0] if tf.nest.is_nested(states) else states
        biases = tf.unstack(cell.bias) if cell.use_bias else (0.0, 0.0)
        own = tf.split(tf.matmul(inputs, cell.kernel) + biases[0], 3, axis=-1)
        recurrent = tf.split(tf.matmul(before, cell.recurrent_kernel) + biases[1], 3, axis=-1)
        update, reset = (cell.recurrent_activation(own[gate] + recurrent[gate]) for gate in (0, 1))
        candidate = cell.activation(own[2] + reset * recurrent[2])
        after = update * before + (1 - update) * candidate
        return after, [after] if tf.nest.is_nested(states) else after
