"""Every network with blocks of each kind, narrow, and with weights that no initializer gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from export_pipeline import models
from export_pipeline.models.adain import AXES, COLORS
from tests.networks import networks_of

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2

NARROW = 1 / 8  # a few filters in the narrowest layers: quick to build and to run
# Channels and greatest value of what the networks of each task give.
# The network of any style takes more than a photograph, and has tests of its own.
OUTPUTS = {"style_transfer": (3, 255.0), "segmentation": (1, 1.0)}
GIVES = {name: gives for task, gives in OUTPUTS.items() for name in networks_of(task)}


PAIRS = [(name, kind) for name in GIVES for kind in models.BLOCKS_KINDS]
BUILDS = {pair: partial(models.NETWORKS[pair[0]], blocks_kind=pair[1]) for pair in PAIRS}


def each(names: Iterable[str]) -> pytest.MarkDecorator:
    """Each network with blocks of each kind."""
    pairs = [pair for pair in PAIRS if pair[0] in names]
    return pytest.mark.parametrize("build", [BUILDS[pair] for pair in pairs], ids=["-".join(pair) for pair in pairs])


@cache
def narrow(build: Callable[..., Any]) -> Any:
    """The network of one of :data:`BUILDS`, narrow and else as it comes, for those who change nothing of it."""
    return build(alpha=NARROW)


@cache
def narrow_scrambled(build: Callable[..., Any]) -> Any:
    """The same, :func:`scrambled`."""
    return scrambled(build(alpha=NARROW))


ALL = each(GIVES)
STYLE = each(networks_of("style_transfer"))


def gives(model: Any) -> tuple[int, float]:
    """Channels and greatest value of what *model* gives."""
    return GIVES[model.name]


def photo(height: int, width: int, batch: int = 1) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).uniform(0, 255, (batch, height, width, 3)).astype(np.float32)


def styles(count: int) -> np.ndarray:
    """Statistics of styles, as far apart as those of paintings: ``(count, 1, 1, 128)``."""
    random = np.random.default_rng(3)
    told = np.concatenate([random.normal(0, 0.6, (count, AXES)), random.uniform(0.2, 1, (count, COLORS))], 1)
    return told[:, None, None].astype(np.float32)


def scrambled(model: Any) -> Any:
    """*model* with weights that no initializer gives, norms included, and outputs that are far from constant."""
    random = np.random.default_rng(5)

    def values(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) > 1:
            return random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[: 2 if "depthwise" in name else 3]))
        positive = "gamma" in name or "variance" in name
        return random.uniform(0.3, 1, shape) if positive else random.normal(0, 0.3, shape)

    model.set_weights([values(w.name, tuple(w.shape)).astype(np.float32) for w in model.weights])
    if of_type(model, keras.layers.DepthwiseConv2D):  # so many ReLUs would leave nothing of an image
        with_statistics(model)
    shown = model(photo(24, 20), training=False).numpy() / gives(model)[1]
    assert shown.std() > 0.02
    assert np.abs(shown - shown[:, ::-1]).mean() > 0.008
    return model


def with_statistics(model: Any) -> None:
    """Give the batch norms of *model* the statistics of a photograph."""
    norms = of_type(model, keras.layers.BatchNormalization)
    for layer, momentum in [(layer, layer.momentum) for layer in norms]:
        layer.momentum = 0.0
        model(photo(24, 20), training=True)
        layer.momentum = momentum


def of_type(model: Any, kind: type | tuple[type, ...]) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, kind)]
