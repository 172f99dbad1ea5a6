"""Folding: the same function, bit for bit, in fewer operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from export_pipeline import models
from export_pipeline.compress import compress
from export_pipeline.compress.fold import fold_input_scale
from export_pipeline.models.layers import Rescaling
from export_pipeline.recipe import Recipe
from tests.compress.material import tools

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2

PHOTO = np.random.default_rng(0).uniform(0, 255, (2, 30, 21, 3)).astype(np.float32)


def network(**arguments: Any) -> Any:
    model = models.small(**{"alpha": 0.1, "blocks": 1, **arguments})
    random = np.random.default_rng(1)
    for weight in model.weights:
        sign = 1 if "variance" in weight.name else random.choice((-1, 1), weight.shape)
        weight.assign(random.uniform(0.2, 1, weight.shape) * sign)
    return model


def operations(model: Any) -> list[str]:
    """Operation types of the graph for one image of 32x32."""
    import tensorflow as tf

    function = tf.function(lambda image: model(image, training=False))
    graph = function.get_concrete_function(tf.TensorSpec((1, 32, 32, 3), tf.float32)).graph
    return [operation.type for operation in graph.get_operations()]


@pytest.mark.parametrize("norm", models.NORMS)
@pytest.mark.parametrize("rho", [1.0, 0.5])
def test_a_folded_network_gives_the_same_bits_with_one_operation_less(norm: str, rho: float) -> None:
    model = network(norm=norm, rho=rho)
    folded = fold_input_scale(model)
    np.testing.assert_array_equal(folded(PHOTO, training=False), model(PHOTO, training=False))
    assert operations(model).count("Mul") - operations(folded).count("Mul") == 1
    assert len(scales(model)) == 2
    assert len(scales(folded)) == 1  # the one behind tanh, which has an offset


def scales(model: Any) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, Rescaling)]


def test_the_network_itself_is_left_as_it_was() -> None:
    model = network()
    before, output = model.get_weights(), model(PHOTO).numpy()
    folded = fold_input_scale(model)
    folded.set_weights([weight * 0 for weight in folded.get_weights()])
    np.testing.assert_array_equal(model(PHOTO), output)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_only_the_first_kernel_changes_by_the_scale() -> None:
    model = network()
    folded = fold_input_scale(model)
    for old, new in zip(model.weights, folded.weights, strict=True):
        factor = 1 / 128 if "down0_conv" in old.name else 1
        np.testing.assert_array_equal(new.numpy(), old.numpy() * np.float32(factor))


def test_a_pruned_network_is_folded_too() -> None:
    """Pruning wraps a copy that shares layers; what only the copy has must not stand in the way."""
    recipe = Recipe.parse({"compress": {"schedule": "constant", "end_step": 1, "steps": 1}})
    found = compress(network(), recipe, tools())
    assert len(scales(found.deployed)) == 1
    np.testing.assert_array_equal(found.deployed(PHOTO), found.model(PHOTO))


def test_folding_twice_is_folding_once() -> None:
    once = fold_input_scale(network())
    twice = fold_input_scale(once)
    for one, other in zip(once.get_weights(), twice.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def convolution(name: str, **arguments: Any) -> Any:
    return keras.layers.Conv2D(4, 3, padding="same", name=name, **arguments)


def test_a_scale_that_is_used_elsewhere_too_stays() -> None:
    image = keras.Input((16, 16, 3))
    scaled = Rescaling(0.5)(image)
    both = keras.Model(image, keras.layers.Concatenate()([convolution("a")(scaled), scaled]))
    folded = fold_input_scale(both)
    assert len(scales(folded)) == 1
    np.testing.assert_array_equal(folded(PHOTO[:, :16, :16]), both(PHOTO[:, :16, :16]))


@pytest.mark.parametrize("layer", [Rescaling(0.5, 1), Rescaling(-2.0, -1)])
def test_an_offset_stays_because_padding_would_not_have_it(layer: Any) -> None:
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, convolution("a")(layer(image)))
    assert len(scales(fold_input_scale(model))) == 1


def test_a_scale_before_something_else_than_a_convolution_stays() -> None:
    image = keras.Input((16, 16, 3))
    for following in (keras.layers.Activation("relu"), keras.layers.SeparableConv2D(4, 3)):
        model = keras.Model(image, following(Rescaling(0.5)(image)))
        assert len(scales(fold_input_scale(model))) == 1


def test_a_bias_is_not_scaled() -> None:
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, convolution("a", bias_initializer="ones")(Rescaling(0.25)(image)))
    folded = fold_input_scale(model)
    assert scales(folded) == []
    np.testing.assert_array_equal(folded(PHOTO[:, :16, :16]), model(PHOTO[:, :16, :16]))
