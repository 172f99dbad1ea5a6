"""Images per second of whole training steps, variant by variant, interleaved: ``make trainspeed``.

The network is ``small`` at alpha 0.3 or ``johnson`` at 0.25, the crops are 256x256; the optimizer is part of a step,
reading photographs is not. Batches with an image for each core are trained in micro-batches, as builds train them.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline import train as training  # isort: skip - loads TensorFlow quietly
import tensorflow as tf
import tf_keras as keras

from export_pipeline.base.cores import cores
from export_pipeline.models.vgg import vgg19
from export_pipeline.perception.loss_network import LossNetwork, loss_network
from export_pipeline.recipe import Recipe, StyleTransferRecipe
from export_pipeline.tasks import open_task
from export_pipeline.tasks.style_transfer import IMAGE, StyleTransfer
from export_pipeline.train.fit import Moving, Run, train_step
from export_pipeline.train.micro_batches import one_thread_an_operation

NETWORKS = ("small", "johnson")
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


def bfloat16_loss_network(recipe: StyleTransferRecipe) -> Bfloat16:
    """The loss network that *recipe* names, in bfloat16."""
    network = loss_network(recipe)
    return Bfloat16(network.weights, network.embeddings)


@dataclass(frozen=True)
class Variant:
    """What is trained, and with what."""

    network: str = "small"
    loss: str = "vgg19"
    batch: int = 1
    bfloat16: bool = False
    whole: bool = False
    style_loss: str = "moments"

    @property
    def in_micro_batches(self) -> bool:
        """Whether a batch is trained in micro-batches: builds do so where each core has an image; not if *whole*."""
        return self.batch >= cores() > 1 and not self.whole

    def task(self) -> StyleTransfer:
        """The task of what a user would write."""
        task = open_task(Recipe.parse({
            "model": {"network": self.network, "alpha": {"small": 0.3, "johnson": 0.25}[self.network]},
            "train": {"loss_network": self.loss, "batch_size": self.batch, "style_loss": self.style_loss},
        }))  # fmt: skip
        assert isinstance(task, StyleTransfer)
        return dataclasses.replace(task, loss_network_of=bfloat16_loss_network) if self.bfloat16 else task

    def __str__(self) -> str:
        batch = f"batch of {self.batch}{', whole' if self.whole else ''}"
        gram = ", Gram matrices" if self.style_loss == "gram" else ""
        return f"{self.network}, {self.loss}{' in bfloat16' if self.bfloat16 else ''}, {batch}{gram}"


def images_per_second(variants: Sequence[Variant], runs: int = RUNS) -> dict[str, float]:
    """Of each of *variants*, from the median of *runs* steps; they take turns.

    TensorFlow's threads are those of a process: what is trained in micro-batches runs in one, the rest in another.
    """
    spawn = multiprocessing.get_context("spawn")
    seconds: dict[Variant, list[float]] = {variant: [] for variant in variants}
    with ProcessPoolExecutor(1, spawn) as whole, ProcessPoolExecutor(1, spawn) as divided:
        for turn in range(runs + WARM_UP):
            for variant, measured in seconds.items():
                took = (divided if variant.in_micro_batches else whole).submit(_seconds, variant, turn).result()
                if turn >= WARM_UP:
                    measured.append(took / variant.batch)
    return {str(variant): 1 / statistics.median(values) for variant, values in seconds.items()}


@cache
def _step(variant: Variant) -> Any:
    """One step of the training of *variant*, as a function of a batch."""
    task = variant.task()
    if variant.in_micro_batches:
        one_thread_an_operation(task)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(0)
    model, run = training.network(task.recipe), Run(task, "train", 1, 1e-3, Path(), ema=task.recipe.train.ema)
    return train_step(model, run, task.objective(), Moving.of(model, run))


def _seconds(variant: Variant, turn: int) -> float:
    """Of one step of *variant* in this process; the first of them is traced."""
    step = _step(variant)
    photo = np.random.default_rng(turn).uniform(0, 255, (variant.batch, CROP, CROP, 3)).astype(np.float32)
    batch = {IMAGE: tf.constant(photo)}
    begun = time.perf_counter()
    step(batch).numpy()
    return time.perf_counter() - begun


def main() -> None:
    """Print a row for each variant."""
    variants = [
        Variant(network, loss, batch) for network in NETWORKS for loss in ("vgg19", "distilled") for batch in (1, 2, 4)
    ]
    variants += [Variant(network, "distilled", batch, whole=True) for network in NETWORKS for batch in (2, 4)]
    variants += [Variant(bfloat16=True), Variant(loss="distilled", bfloat16=True)]
    variants.append(Variant(loss="distilled", batch=2, style_loss="gram"))
    found = images_per_second(variants)
    base = found[str(Variant())]
    print(f"{'variant':<44}{'images/s':>9}{'ratio':>8}   median of {RUNS}, TensorFlow {tf.__version__}")
    for name, rate in found.items():
        print(f"{name:<44}{rate:>9.2f}{rate / base:>8.2f}")


if __name__ == "__main__":
    main()
