"""Distances between features or their statistics. Smaller is nearer, zero is equal.

The relative ones are tensors that gradients flow through. The Wasserstein distance is for measuring alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
import numpy as np
import tensorflow as tf

DIRECTIONS = 64
MOST_QUANTILES = 4096
LEAST_SQUARES = 1e-12


def relative(difference: Any, reference: Any) -> Any:
    """``||difference||_F / ||reference||_F`` of each item of a batch: ``(N,)``.

    It is a little more than zero where the difference vanishes, which keeps the gradient of the root finite there.
    """
    squares = tf.maximum(_squares(difference), LEAST_SQUARES)
    return tf.sqrt(squares) / tf.sqrt(_squares(reference))


def relative_squared(difference: Any, reference: Any, least: float = 0.0) -> Any:
    """``||difference||_F^2 / ||reference||_F^2`` of each item of a batch: ``(N,)``.

    The denominator is *least* or more, for references that may be zero.
    """
    return _squares(difference) / tf.maximum(_squares(reference), least)


def _squares(value: Any) -> Any:
    return tf.reduce_sum(tf.square(value), list(range(1, len(value.shape))))


@cache
def directions(channels: int) -> np.ndarray:
    """The fixed random unit vectors ``(channels, 64)`` that values are projected on, the same every time.

    Those of 64 channels or more are perpendicular to each other, which leaves less to chance.
    """
    random = np.random.default_rng(0).standard_normal((channels, DIRECTIONS))
    found = np.linalg.qr(random)[0] if channels >= DIRECTIONS else random / np.linalg.norm(random, axis=0)
    fixed: np.ndarray = found.astype(np.float32)
    fixed.setflags(write=False)
    return fixed


def projected_quantiles(values: np.ndarray) -> np.ndarray:
    """Values ``(.., C)`` along each of :func:`directions`, as evenly spaced quantiles: ``(64, n)`` float32, ascending.

    ``n`` is the number of positions, at most 4096: more change a distance by less than a thousandth of it.
    """
    flat = values.reshape(-1, values.shape[-1]).astype(np.float32, copy=False)
    found = directions(flat.shape[1]).T @ flat.T
    found.sort(axis=1)
    return _evenly(found, min(MOST_QUANTILES, len(flat)))


def sliced_wasserstein(own: np.ndarray, other: np.ndarray) -> float:
    """Sliced 2-Wasserstein distance of what two results of :func:`projected_quantiles` are of.

    The root of the mean over the directions of the squared 2-Wasserstein distance (Bonneel et al., 2015).
    """
    count = min(own.shape[1], other.shape[1])
    difference = _evenly(own, count) - _evenly(other, count)
    return float(np.sqrt(np.mean(np.square(difference, dtype=np.float64))))


def _evenly(ascending: np.ndarray, count: int) -> np.ndarray:
    """*count* of the columns, at the middles of as many equal parts."""
    size = ascending.shape[1]
    return ascending[:, ((np.arange(count) + 0.5) * size / count).astype(np.int64)]


def nearest_patch_distance(own: Sequence[Any], style: Sequence[Any]) -> float:
    """Mean over patches of the least covariance distance to a patch of the style.

    Args:
        own, style: the covariances of the patches at each layer, ``(P, C, C)`` and ``(Q, C, C)``. The distance of two
            patches is the mean over the layers of ``||own - style||_F / ||style||_F``.
    """
    layers = list(zip(own, style, strict=True))
    nearest = np.argmin(np.mean([_distances_to_all(*layer) for layer in layers], axis=0), axis=1)
    # Those that were found are measured again: the differences of large products are off where patches are alike.
    found = [relative_squared(of_own - (one := tf.gather(of_style, nearest)), one) for of_own, of_style in layers]
    return float(np.mean(np.sqrt(found)))


def _distances_to_all(own: Any, style: Any) -> np.ndarray:
    """``||own[i] - style[j]||_F / ||style[j]||_F``: ``(P, Q)``, from one product of all with all."""
    rows, columns = (tf.reshape(part, (tf.shape(part)[0], -1)) for part in (own, style))
    product = tf.matmul(rows, columns, transpose_b=True)
    powers = _squares(columns)
    squares = _squares(rows)[:, None] + powers[None] - 2 * product
    found: np.ndarray = tf.sqrt(tf.maximum(squares, 0) / powers[None]).numpy()
    return found
