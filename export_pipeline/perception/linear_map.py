"""The linear map from the features of one network to those of another that is nearest by least squares."""

from __future__ import annotations

import numpy as np

RIDGE = 1e-4  # of each filter's own power
LEAST_SHARE = 1e-6  # of the power of the strongest filter; a weaker one is taken for dead


def least_squares(own: np.ndarray, cross: np.ndarray) -> np.ndarray:
    """The Q of least ``||Y - X Q||^2`` from ``X^T X`` *own* and ``X^T Y`` *cross*; rows of dead filters are zero."""
    power = np.diag(own)
    alive = power > LEAST_SHARE * power.max()
    scale = np.where(alive, 1 / np.sqrt(np.where(alive, power, 1)), 0)
    even = own * scale[:, None] * scale + np.diag(np.where(alive, RIDGE, 1))
    found: np.ndarray = np.linalg.solve(even, cross * scale[:, None]) * scale[:, None]
    return found
