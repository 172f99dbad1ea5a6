"""Images per second of whole training steps, variant by variant, interleaved: ``make trainspeed``.

The network is ``small`` at alpha 0.3 or ``johnson`` at 0.25, the crops are 256x256; the optimizer is part of a step,
reading photographs is not.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline import train as training  # isort: skip - loads TensorFlow quietly
import tensorflow as tf
import tf_keras as keras

from export_pipeline.recipe import Recipe
from export_pipeline.train.loss_network import LossNetwork, loss_network
from models.vgg import vgg19

# The package has a function of that name.
fit = import_module("export_pipeline.train.fit")
CROP, RUNS, WARM_UP = 256, 9, 2


class Bfloat16(LossNetwork):
    """A loss network that convolves in bfloat16."""

    def features(self, outputs: Sequence[str]) -> Any:
        """As of the base."""
        conv2d, half = tf.nn.conv2d, tf.bfloat16
        tf.nn.conv2d = lambda x, kernel, *rest: tf.cast(
            conv2d(tf.cast(x, half), tf.cast(kernel, half), *rest), tf.float32
        )
        try:
            return vgg19(self.weights, outputs)
        finally:
            tf.nn.conv2d = conv2d


@dataclass(frozen=True)
class Variant:
    """What is trained, and with what."""

    network: str = "small"
    loss: str = "vgg19"
    batch: int = 1
    bfloat16: bool = False

    def step(self) -> Any:
        """One step of its training."""
        alpha = {"small": 0.3, "johnson": 0.25}[self.network]
        recipe = Recipe.parse({
            "model": {"network": self.network, "alpha": alpha},
            "train": {"loss_network": self.loss, "batch_size": self.batch},
        })  # fmt: skip
        kept = fit.loss_network
        if self.bfloat16:
            fit.loss_network = lambda asked: Bfloat16(loss_network(asked).weights, loss_network(asked).roots)
        try:
            model = training.network(recipe)
            run = fit.Run(recipe, "train", 1, 1e-3, Path(), ema=recipe.train.ema)
            return fit.train_step(model, run, fit.Moving.of(model, run))
        finally:
            fit.loss_network = kept

    def __str__(self) -> str:
        return f"{self.network}, {self.loss}{' in bfloat16' if self.bfloat16 else ''}, batch of {self.batch}"


def images_per_second(variants: Sequence[Variant], runs: int = RUNS) -> dict[str, float]:
    """Of each of *variants*, from the median of *runs* steps; they take turns."""
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(0)
    steps = {variant: variant.step() for variant in variants}
    seconds: dict[Variant, list[float]] = {variant: [] for variant in variants}
    random = np.random.default_rng(0)
    for turn in range(runs + WARM_UP):
        for variant, step in steps.items():
            photo = random.uniform(0, 255, (variant.batch, CROP, CROP, 3)).astype(np.float32)
            begun = time.perf_counter()
            step(photo).numpy()
            if turn >= WARM_UP:
                seconds[variant].append((time.perf_counter() - begun) / variant.batch)
    return {str(variant): 1 / statistics.median(values) for variant, values in seconds.items()}


def main() -> None:
    """Print a row for each variant."""
    variants = [
        Variant(network, loss, batch)
        for network in ("small", "johnson")
        for loss in ("vgg19", "distilled")
        for batch in (1, 2, 4)
    ]
    found = images_per_second([*variants, Variant(bfloat16=True), Variant(loss="distilled", bfloat16=True)])
    base = found[str(Variant())]
    print(f"{'variant':<44}{'images/s':>9}{'ratio':>8}   median of {RUNS}, TensorFlow {tf.__version__}")
    for name, rate in found.items():
        print(f"{name:<44}{rate:>9.2f}{rate / base:>8.2f}")


if __name__ == "__main__":
    main()
