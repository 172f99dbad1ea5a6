"""VGG-19's features against Keras's own network and against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from export_pipeline import models
from export_pipeline.models.vgg import LAYERS, MEAN_RGB, kernel_shapes

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2

Arrays = dict[str, tuple[np.ndarray, np.ndarray]]
OUTPUTS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def images(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 255, (2, height, width, 3)).astype(np.float32)


def test_features_are_those_of_the_keras_network(vgg_arrays: Arrays) -> None:
    reference = keras.applications.VGG19(include_top=False, weights=None)
    for layer, weights in vgg_arrays.items():
        reference.get_layer(f"block{layer[4]}_conv{layer[6]}").set_weights(weights)
    names = [f"block{name[4]}_conv{name[6]}" for name in OUTPUTS]
    wanted = keras.Model(reference.input, [reference.get_layer(name).output for name in names])
    x = images(32, 48)
    found = models.vgg19(vgg_arrays, OUTPUTS)(x)
    for feature, other in zip(found, wanted(keras.applications.vgg19.preprocess_input(x.copy())), strict=True):
        assert feature.shape == other.shape
        np.testing.assert_allclose(feature, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())
        assert 0.05 < float((other.numpy() > 0).mean()) < 0.95  # features that could differ


def test_the_first_features_are_those_of_numpy(vgg_arrays: Arrays) -> None:
    x = images(6, 5)
    padded = np.pad((x.astype(np.float64) - MEAN_RGB)[..., ::-1], ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))  # N H W C 3 3
    kernel, bias = vgg_arrays["conv1_1"]
    wanted = np.maximum(np.einsum("nhwcij,ijco->nhwo", windows, kernel) + bias, 0)
    found = models.vgg19(vgg_arrays, ["relu1_1"])(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-2)


def test_outputs_come_in_the_order_asked_for(vgg_arrays: Arrays) -> None:
    model = models.vgg19(vgg_arrays, ["relu2_2", "relu1_1"])
    assert [shape[-1] for shape in model.output_shape] == [128, 64]


def test_no_layer_is_computed_that_nobody_asked_for(vgg_arrays: Arrays) -> None:
    needed = {name: arrays for name, arrays in vgg_arrays.items() if name in ("conv1_1", "conv1_2", "conv2_1")}
    assert models.vgg19(needed, ["relu2_1"])(images(16, 16)).shape == (2, 8, 8, 128)


def test_nobody_can_train_it(vgg_arrays: Arrays) -> None:
    assert models.vgg19(vgg_arrays, ["relu1_2"]).weights == []


@pytest.mark.parametrize("outputs", [[], ["relu6_1"], ["conv1_3"], ["relu1_3"], ["relu1_1", "pool1"], ["relu"]])
def test_unknown_outputs_are_refused(vgg_arrays: Arrays, outputs: list[str]) -> None:
    with pytest.raises(ValueError, match=r"allowed: relu1_1 \.\. relu5_4"):
        models.vgg19(vgg_arrays, outputs)


def test_the_shapes_are_those_of_the_paper() -> None:
    shapes = kernel_shapes()
    assert tuple(shapes) == LAYERS
    assert len(LAYERS) == 16
    assert sum(int(np.prod(shape)) + shape[3] for shape in shapes.values()) == 20_024_384
