"""Convolutions after space-to-depth against plain ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_pipeline import models
from export_pipeline.train.space_to_depth import space_to_depth_convolution, space_to_depth_convolutions

import tensorflow as tf  # isort: skip - after models, which chooses Keras 2


def plain(inputs: Any, kernel: Any) -> Any:
    return tf.nn.conv2d(inputs, kernel, 1, "SAME")


def with_gradients(convolve: Any, inputs: Any, kernel: Any, upstream: Any) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        tape.watch([inputs, kernel])
        found = convolve(inputs, kernel)
    return [found.numpy(), *(part.numpy() for part in tape.gradient(found, [inputs, kernel], upstream))]


@settings(max_examples=25, deadline=None)
@given(
    side=st.sampled_from((1, 3, 5, 7, 9)),
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    channels=st.integers(1, 4),
    filters=st.integers(1, 4),
)
def test_values_and_gradients_are_those_of_the_plain_convolution(
    side: int, height: int, width: int, channels: int, filters: int
) -> None:
    random = np.random.default_rng(side)

    def tensor(*shape: int) -> Any:
        return tf.constant(random.normal(size=shape), tf.float32)

    inputs, kernel = tensor(2, 2 * height, 2 * width, channels), tensor(side, side, channels, filters)
    upstream = tensor(2, 2 * height, 2 * width, filters)

    def blocked(inputs: Any, kernel: Any) -> Any:
        return space_to_depth_convolution(inputs, kernel, lambda *_: pytest.fail("computed plainly"))

    wanted = with_gradients(plain, inputs, kernel, upstream)
    for found, value in zip(with_gradients(blocked, inputs, kernel, upstream), wanted, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-4 * np.abs(value).max())


def test_an_odd_side_is_computed_plainly() -> None:
    inputs, kernel = tf.random.normal((1, 6, 7, 2)), tf.random.normal((5, 5, 2, 3))
    found = space_to_depth_convolution(inputs, kernel, plain)
    np.testing.assert_array_equal(found, plain(inputs, kernel))


def test_a_network_trains_to_the_same_and_is_left_as_it_was() -> None:
    model = models.NETWORKS["small"](alpha=0.3)
    image = tf.random.stateless_uniform((1, 32, 32, 3), (1, 2), maxval=255)
    last = model.get_layer("out_conv")
    before = model(image, training=True).numpy()
    with space_to_depth_convolutions(model):
        assert "convolution_op" in vars(last)
        assert not any("convolution_op" in vars(layer) for layer in model.layers if layer is not last)
        blocked = model(image, training=True).numpy()
    assert "convolution_op" not in vars(last)
    np.testing.assert_array_equal(model(image, training=True), before)
    np.testing.assert_allclose(blocked, before, atol=0.05)  # of 255
    assert before.std() > 1


def test_one_within_another_leaves_what_was_there() -> None:
    model = models.NETWORKS["small"](alpha=0.3)
    last = model.get_layer("out_conv")
    with space_to_depth_convolutions(model):
        outer = last.convolution_op
        with space_to_depth_convolutions(model):
            assert last.convolution_op is not outer
        assert last.convolution_op is outer
    assert "convolution_op" not in vars(last)
