"""Multiplications that a full-integer file does without: the numbers stay, and what would change them stays, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from export_pipeline.formats.tflite import flatbuffer, scalings

Network = Callable[[Any], Any]
PHOTO = np.random.default_rng(0).uniform(-1, 1, (4, 1, 8, 8, 3)).astype(np.float32)
KERNEL = tf.constant(np.random.default_rng(1).normal(0, 0.5, (3, 3, 3, 12)), tf.float32)
BIAS = tf.constant(np.linspace(0, 4, 12), tf.float32)


def convolution(x: Any) -> Any:
    return tf.nn.bias_add(tf.nn.conv2d(x, KERNEL, 1, "SAME"), BIAS)


def pixels(x: Any) -> Any:
    """Between a convolution and a multiplication, which the converter would join by itself."""
    return tf.nn.depth_to_space(x, 2)


def full_integer(network: Network) -> Any:
    """The file of *network* with all of 8 bits, inputs and outputs too, as the converter gives it."""
    function = tf.function(network).get_concrete_function(tf.TensorSpec((1, 8, 8, 3)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([photo] for photo in PHOTO)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return flatbuffer.read(converter.convert())


def results(model: Any) -> tuple[list[np.ndarray], list[tuple[float, int]]]:
    """What it gives for noise, in 8 bits, and the quantization of each output."""
    runner = Interpreter(model_content=flatbuffer.write(model), num_threads=1)
    runner.allocate_tensors()
    runner.set_tensor(
        runner.get_input_details()[0]["index"],
        np.random.default_rng(2).integers(-128, 128, (1, 8, 8, 3), np.int8),
    )
    runner.invoke()
    details = sorted(runner.get_output_details(), key=lambda one: one["index"])
    return [runner.get_tensor(one["index"]) for one in details], [one["quantization"] for one in details]


FOLDED: dict[str, Network] = {
    "a picture": lambda x: pixels(tf.nn.relu6(convolution(x))) * 42.5,
    "no activation": lambda x: pixels(convolution(x)) * 0.1,
    "depthwise": lambda x: tf.nn.relu(tf.nn.depthwise_conv2d(x, KERNEL[..., :2], (1, 1, 1, 1), "SAME")) * 3.0,
}
KEPT: dict[str, Network] = {
    "turned around": lambda x: pixels(convolution(x)) * -2.0,
    "by channel": lambda x: pixels(convolution(x)) * tf.constant([1.0, 2.0, 3.0]),
    "not of a convolution": lambda x: tf.nn.avg_pool2d(convolution(x), 2, 2, "SAME") * 2.0,
    "used before, too": lambda x: (lambda y: tf.concat([y * 2.0, tf.nn.relu(y - 1.0)], -1))(pixels(convolution(x))),
}


@pytest.mark.parametrize("case", FOLDED)
def test_the_numbers_are_those_of_the_file_with_the_multiplication(case: str) -> None:
    model = full_integer(FOLDED[case])
    before, of_before = results(model)
    assert "MUL" in flatbuffer.operations(model)
    assert scalings.fold(model) == 1
    assert "MUL" not in flatbuffer.operations(model)
    after, of_after = results(model)
    assert of_after == of_before
    assert np.unique(before[0]).size > 50
    np.testing.assert_array_equal(after[0], before[0])


@pytest.mark.parametrize("case", KEPT)
def test_what_would_change_a_number_is_left_alone(case: str) -> None:
    model = full_integer(KEPT[case])
    assert "MUL" in flatbuffer.operations(model)
    file = flatbuffer.write(model)
    assert scalings.fold(model) == 0
    assert flatbuffer.write(model) == file


def test_an_activation_that_ends_within_the_8_bits_keeps_its_multiplication() -> None:
    model = full_integer(FOLDED["a picture"])
    (graph,) = model.subgraphs
    (first,) = [operator for operator in graph.operators if flatbuffer.name(model, operator) == "CONV_2D"]
    for tensor in graph.tensors:  # as if all ranges were twice as wide: the file would tell numbers above 6
        if tensor.shape is not None and len(tensor.shape) == 4 and tensor.quantization.scale is not None:
            tensor.quantization.scale = np.asarray(tensor.quantization.scale, np.float32) * np.float32(2)
    assert first.builtinOptions.fusedActivationFunction == flatbuffer.schema().ActivationFunctionType.RELU6
    assert scalings.fold(model) == 0
