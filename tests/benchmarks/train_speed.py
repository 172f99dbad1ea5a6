"""Images per second of one training step, variant by variant, interleaved: ``make trainspeed``.

Each variant leaves out one thing that the train stage does for speed. The network is ``small`` at alpha 0.3, the
crops are 256x256, the loss network is VGG-19 to relu4_1.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import models  # isort: skip - loads TensorFlow quietly
import tensorflow as tf

from export_pipeline.recipe import TrainTable
from export_pipeline.train import losses
from export_pipeline.train.weights import Weights, vgg19_weights
from models.vgg import vgg19

CROP, RUNS = 256, 9


def bfloat16_vgg(weights: Weights, outputs: tuple[str, ...]) -> Any:
    """VGG-19 that convolves in bfloat16."""
    conv2d, cast = tf.nn.conv2d, tf.cast
    half = tf.bfloat16
    tf.nn.conv2d = lambda x, kernel, *rest: cast(conv2d(cast(x, half), cast(kernel, half), *rest), tf.float32)
    try:
        return vgg19(weights, outputs)
    finally:
        tf.nn.conv2d = conv2d


def step_of(loss: Callable[[Any, Any], dict[str, Any]]) -> Callable[[Any], Any]:
    network = models.NETWORKS["small"](alpha=0.3)

    @tf.function
    def step(photo: Any) -> Any:
        with tf.GradientTape() as tape:
            total = tf.reduce_mean(loss(photo, network(photo, training=True))["total"])
        return tape.gradient(total, network.trainable_variables)[0]

    return step


def variants(weights: Weights) -> dict[str, tuple[Callable[[Any], Any], int]]:
    style = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    table = TrainTable()

    def loss(build: Callable[..., Any]) -> losses.PerceptualLoss:
        kept, models.vgg19 = models.vgg19, build
        try:
            return losses.PerceptualLoss(weights, style, table)
        finally:
            models.vgg19 = kept

    shipped = losses.PerceptualLoss(weights, style, table)
    deep = losses.PerceptualLoss(weights, style, table)
    deep._content_features = lambda photo: deep._features(photo)[2]  # the whole network for the photo, too
    return {
        "as shipped, batch of 1": (step_of(shipped), 1),
        "as shipped, batch of 2": (step_of(shipped), 2),
        "as shipped, batch of 4": (step_of(shipped), 4),
        "photo through all of VGG-19": (step_of(deep), 1),
        "VGG-19 in bfloat16": (step_of(loss(bfloat16_vgg)), 1),
    }


def main() -> None:
    """Print a row for each variant."""
    tf.config.experimental.enable_op_determinism()
    tf.random.set_seed(0)
    found = variants(vgg19_weights())
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for run in range(RUNS + 2):
        for name, (step, batch) in found.items():
            photo = tf.random.uniform((batch, CROP, CROP, 3), 0, 255)
            begun = time.perf_counter()
            step(photo).numpy()
            if run >= 2:
                seconds[name].append((time.perf_counter() - begun) / batch)
    base = statistics.median(seconds["as shipped, batch of 1"])
    print(f"{'variant':<30}{'images/s':>9}{'ratio':>8}   median of {RUNS}, TensorFlow {tf.__version__}")
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"{name:<30}{1 / median:>9.2f}{base / median:>8.2f}")


if __name__ == "__main__":
    main()
