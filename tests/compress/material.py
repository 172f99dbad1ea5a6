"""Networks and tools that compress quickly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from export_pipeline import models
from export_pipeline.compress import Tools
from export_pipeline.recipe import Recipe
from export_pipeline.records.metric import Values
from tests.networks import networks_of

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2

PHOTOS = np.random.default_rng(0).integers(0, 256, (2, 16, 20, 3), np.uint8)
NETWORKS = [(name, norm) for name in networks_of("style_transfer") for norm in models.NORMS]


def recipe(**compress: Any) -> Recipe:
    return Recipe.parse({"compress": compress})


def network(name: str = "small", norm: str = "instance", seed: int = 1, **arguments: Any) -> Any:
    keras.utils.set_random_seed(seed)
    return models.NETWORKS[name](**{"alpha": 0.1, "blocks": 1, "norm": norm, **arguments})


def kernels(model: Any) -> dict[str, np.ndarray]:
    return {layer.name: layer.kernel.numpy() for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}


def moved(model: Any, photo: np.ndarray = PHOTOS[:1]) -> Any:
    """A loss that any weight has a say in."""
    photo = photo.astype(np.float32)
    return tf.reduce_mean(tf.square(model(photo, training=True) - photo))


def train(
    model: Any,
    recipe: Recipe,
    part: str,
    steps: int,
    rate: float,
    before_step: Any = lambda step: None,
    bits: Any = None,
) -> None:
    """A training that moves every weight that can be trained, each step."""
    optimizer = keras.optimizers.Adam(rate)
    for step in range(steps):
        before_step(step)
        with tf.GradientTape() as tape:
            loss = moved(model)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))


def squared_gradients(model: Any, variables: Sequence[Any]) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        loss = moved(model)
    return [np.square(gradient.numpy()) for gradient in tape.gradient(loss, variables)]


def evaluate(model: Any) -> Values:
    return {"covariance_distance": float(moved(model)), "content_distance": 0.0}


def tools(say: Callable[[str], None] = lambda line: None) -> Tools:
    return Tools(train, evaluate, lambda count: [PHOTOS[:count]], squared_gradients, say)
