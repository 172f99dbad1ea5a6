"""Random numbers. Core ML's own generators are not documented: a seed makes a run repeatable, not equal to a Mac's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..tensors import Options

Draw = Callable[[np.random.Generator, Sequence[int]], np.ndarray]


def generator(seed: int) -> np.random.Generator:
    """A generator from a seed; a negative seed means none."""
    return np.random.default_rng(None if seed < 0 else seed)


def drawn(options: Options, draw: Draw, seed: int, sizes: Sequence[int]) -> np.ndarray:
    """Numbers of a shape that the memory limit allows."""
    options.room(sizes, 8)
    return draw(generator(seed), sizes)


def bernoulli(probability: float) -> Draw:
    """1 with a probability, else 0."""
    return lambda rng, shape: (rng.random(shape) < probability).astype(np.float32)


def normal(mean: float, deviation: float) -> Draw:
    """A normal distribution."""
    return lambda rng, shape: rng.normal(mean, deviation, shape)


def uniform(low: float, high: float) -> Draw:
    """A uniform distribution."""
    return lambda rng, shape: rng.uniform(low, high, shape)


def categorical(x: np.ndarray, logits: bool, size: int, seed: int) -> np.ndarray:
    """*size* indices for each row of logits or of probabilities."""
    scores = x if logits else np.log(np.maximum(x, 1e-30))
    noise = generator(seed).gumbel(size=(*scores.shape[:-1], size, scores.shape[-1]))
    return np.asarray((scores[..., None, :] + noise).argmax(axis=-1))
