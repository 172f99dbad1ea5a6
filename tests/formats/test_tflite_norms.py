"""Adaptive instance norms of TFLite files: two passes over the image, the same values, and nothing else touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from export_pipeline.formats.tflite import flatbuffer, norms

Network = Callable[[Any, Any], Any]
CHANNELS = 6
GAMMA = tf.constant(np.linspace(0.5, 2, CHANNELS), tf.float32)
BETA = tf.constant(np.linspace(-1, 1, CHANNELS), tf.float32)


def normed(x: Any) -> Any:
    mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, BETA, GAMMA, 1e-5)


def scaled(x: Any, style: Any) -> Any:
    return x * style[..., :CHANNELS] + style[..., CHANNELS:]


def adapted(x: Any, style: Any) -> Any:
    return scaled(normed(x), style)


def converted(network: Network) -> Any:
    shapes = (tf.TensorSpec((1, 9, 8, CHANNELS), name="x"), tf.TensorSpec((1, 1, 1, 2 * CHANNELS), name="style"))
    function = tf.function(network).get_concrete_function(*shapes)
    return flatbuffer.read(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())


def result(model: Any) -> np.ndarray:
    runner = Interpreter(model_content=flatbuffer.write(model), num_threads=1)
    runner.allocate_tensors()
    random = np.random.default_rng(3)
    for port in sorted(runner.get_input_details(), key=lambda port: int(np.prod(port["shape"]))):
        runner.set_tensor(port["index"], random.normal(0.5, 2, port["shape"]).astype(np.float32))
    runner.invoke()
    found: np.ndarray = runner.get_tensor(runner.get_output_details()[0]["index"])
    return found


FOLDED: dict[str, tuple[int, Network]] = {
    "one": (1, adapted),
    "an activation after it": (1, lambda x, style: tf.nn.relu(adapted(x, style))),
    "two": (2, lambda x, style: adapted(tf.nn.relu(adapted(x, style)), style)),
    "one added to another": (2, lambda x, style: adapted(x, style) + adapted(tf.nn.avg_pool2d(x, 3, 1, "SAME"), style)),
}
KEPT: dict[str, Network] = {
    "an activation between": lambda x, style: scaled(tf.nn.relu(normed(x)), style),
    "used before, too": lambda x, style: (lambda y: tf.concat([y, scaled(y, style)], -1))(normed(x)),
    "an output itself": lambda x, style: (lambda y: (y, scaled(y, style)))(normed(x)),
    "a norm alone": lambda x, style: normed(x) + 0 * style[..., :1],
}


@pytest.mark.parametrize("case", FOLDED)
def test_the_values_are_the_same_with_two_passes_less(case: str) -> None:
    count, network = FOLDED[case]
    model = converted(network)
    before, passes = result(model), whole_passes(model)
    assert norms.fold(model) == count
    assert whole_passes(model) == passes - 2 * count
    np.testing.assert_allclose(result(model), before, rtol=1e-5, atol=1e-5)
    assert np.ptp(before) > 1


@pytest.mark.parametrize("case", KEPT)
def test_what_is_no_such_norm_stays(case: str) -> None:
    model = converted(KEPT[case])
    before = flatbuffer.write(model)
    assert norms.fold(model) == 0
    assert flatbuffer.write(model) == before


def whole_passes(model: Any) -> int:
    """How many multiplications and additions go over a whole image."""
    (graph,) = model.subgraphs
    made = [
        graph.tensors[each.outputs[0]] for each in graph.operators if flatbuffer.name(model, each) in ("MUL", "ADD")
    ]
    return sum(int(np.prod(tensor.shape)) > 100 for tensor in made)
