"""Random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import random as rnd
from ..calls import Call
from ..graph import Tensor
from ..registry import lower


def _drawn(call: Call, draw: rnd.Draw) -> Tensor:
    shape = call.known("shape")
    sizes = None if shape is None else tuple(int(size) for size in shape)
    seed = int(call.value("seed", -1))

    def run(wanted: Any) -> list[Any]:
        return [rnd.drawn(call.graph.options, draw, seed, [int(size) for size in wanted])]

    return call.graph.host(run, [call.tensor("shape")], [(np.float32, sizes)])[0]


@lower("random_bernoulli", host=True)
def random_bernoulli(call: Call) -> Tensor:
    """1 with probability ``prob``, else 0."""
    return _drawn(call, rnd.bernoulli(float(call.value("prob"))))


@lower("random_normal", host=True)
def random_normal(call: Call) -> Tensor:
    """Normal."""
    return _drawn(call, rnd.normal(float(call.value("mean")), float(call.value("stddev"))))


@lower("random_uniform", host=True)
def random_uniform(call: Call) -> Tensor:
    """Uniform between ``low`` and ``high``."""
    return _drawn(call, rnd.uniform(float(call.value("low")), float(call.value("high"))))


@lower("random_categorical", host=True)
def random_categorical(call: Call) -> Tensor:
    """Indices with the probabilities of the last axis."""
    logits, size, seed = str(call.value("mode")) == "logits", int(call.value("size")), int(call.value("seed", -1))
    x = call.tensor("x")
    shape = None if x.shape is None else (*x.shape[:-1], size)
    run = lambda values: [rnd.categorical(values, logits, size, seed)]  # noqa: E731
    return call.graph.host(run, [x], [(np.float32, shape)])[0]
