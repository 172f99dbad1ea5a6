"""Squared gradients of the training loss: one crop at a time, and nothing of the network changed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from export_pipeline import models
from export_pipeline.perception.loss_network import loss_network
from export_pipeline.perception.losses import PerceptualLoss
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import open_task
from export_pipeline.tasks.photographs import random_crop
from export_pipeline.tasks.style_transfer import StyleTransfer
from export_pipeline.train import network, squared_gradients
from export_pipeline.train.gradients import SAMPLES

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2


@pytest.mark.parametrize("norm", models.NORMS)
def test_they_are_the_mean_over_crops_of_what_the_loss_gives(make_recipe: Callable[..., Recipe], norm: str) -> None:
    recipe = make_recipe(model={"norm": norm}, train={"batch_size": 1})
    keras.utils.set_random_seed(0)
    model = network(recipe)
    before = model.get_weights()
    first, last = (model.get_layer(name).kernel for name in ("down0_conv", "out_conv"))
    task = open_task(recipe)
    assert isinstance(task, StyleTransfer)
    found = squared_gradients(model, task, [first, last])
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [values.shape for values in found] == [first.shape, last.shape]

    loss = PerceptualLoss(loss_network(recipe), task.style, task.recipe.train)
    wanted = []
    for index in range(SAMPLES):
        crop = random_crop(task.training, recipe.seed, index, recipe.train.crop)[None]
        with tf.GradientTape() as tape:
            total = loss(crop, model(crop, training=False))["total"]
        wanted.append(tape.gradient(total, last).numpy() ** 2)
    np.testing.assert_allclose(found[1], np.mean(wanted, axis=0), rtol=1e-4)
    assert (found[1] > 0).all()
