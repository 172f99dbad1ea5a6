"""Whitening and colouring: features of one image with the mean and the covariance of another's.

Li et al., "Universal Style Transfer via Feature Transforms", 2017, section 3.2. All of it is one affine map of the
channels, so that a picture of any size takes the statistics of the whole and then one product a position. In double
precision, on the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Of the greatest eigenvalue; directions below have next to no variance, and whitening would blow up their noise.
LEAST_SHARE = 1e-5
# Of the squared mean: what features in single precision differ by where they are the same.
ROUNDING = 1e-11


@dataclass(frozen=True, eq=False)
class Statistics:
    """Mean ``(C,)`` and covariance ``(C, C)`` of features over all positions, float64."""

    mean: np.ndarray
    covariance: np.ndarray


class Sums:
    """What :class:`Statistics` are made of, added up part by part; parts in any order and of any size."""

    def __init__(self, channels: int) -> None:
        self._count = 0
        self._sum = np.zeros(channels)
        self._products = np.zeros((channels, channels))
        self._shift: np.ndarray | None = None

    def add(self, features: np.ndarray) -> None:
        """Count *features* ``(.., C)`` in."""
        rows = features.reshape(-1, features.shape[-1]).astype(np.float64)
        if self._shift is None:  # near the mean, so that the difference of two large sums loses no digits
            self._shift = rows.mean(0)
        rows -= self._shift
        self._count += len(rows)
        self._sum += rows.sum(0)
        self._products += rows.T @ rows

    def statistics(self) -> Statistics:
        """Of all that was added.

        Raises:
            ValueError: nothing was.
        """
        if self._shift is None:
            raise ValueError("no features were added")
        mean = self._sum / self._count
        return Statistics(mean + self._shift, self._products / self._count - np.outer(mean, mean))


@dataclass(frozen=True, eq=False)
class Affine:
    """``x -> x matrix + shift`` of channels: ``(C, C)`` and ``(C,)``, float64."""

    matrix: np.ndarray
    shift: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """*features* ``(.., C)`` mapped, in their own precision."""
        kind = features.dtype
        found: np.ndarray = features @ self.matrix.astype(kind) + self.shift.astype(kind)
        return found


def transfer(
    content: Statistics,
    styles: Sequence[Statistics],
    shares: Sequence[float],
    strength: float = 1.0,
    diagonal: bool = False,
) -> Affine:
    """The map that gives features with the statistics of *content* those of *styles*.

    Args:
        shares: of each style, which sum to 1: what each style makes is mixed by them.
        strength: 0 leaves features as they are, 1 has the style in full; between, both are mixed.
        diagonal: mean and variance of each channel alone ("AdaIN", Huang and Belongie, 2017); how channels vary
            together stays as it is.
    """
    if diagonal:
        maps = [_scaled(content, style) for style in styles]
    else:
        whitened = _power(content, -0.5)
        maps = [whitened @ _power(style, 0.5) for style in styles]
    matrix, shift = np.zeros_like(content.covariance), np.zeros_like(content.mean)
    for share, style, one in zip(shares, styles, maps, strict=True):
        matrix += share * one
        shift += share * (style.mean - content.mean @ one)
    plain = (1 - strength) * np.eye(len(shift))
    return Affine(strength * matrix + plain, strength * shift)


def _scaled(content: Statistics, style: Statistics) -> np.ndarray:
    """Each channel from its deviation in *content* to that in *style*; one that is the same everywhere becomes 0."""
    before, after = np.diag(content.covariance), np.diag(style.covariance)
    varies = before > ROUNDING * np.square(content.mean)
    return np.diag(np.sqrt(np.where(varies, after, 0) / np.where(varies, before, 1)))


def _power(statistics: Statistics, exponent: float) -> np.ndarray:
    """The covariance to a power, by its eigenvalues; those that are next to none are left out."""
    values, vectors = np.linalg.eigh(statistics.covariance)
    kept = values > max(LEAST_SHARE * values[-1], ROUNDING * (statistics.mean @ statistics.mean))
    found: np.ndarray = (vectors[:, kept] * values[kept] ** exponent) @ vectors[:, kept].T
    return found
