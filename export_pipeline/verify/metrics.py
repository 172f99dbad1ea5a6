"""How far one image is from another. Images are ``(H, W, 3)`` with values 0..255."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

PEAK = 255.0
# PSNR of equal images is infinite; records hold this instead, which no pair of unequal float32 images reaches.
MOST_PSNR = 200.0


def psnr(image: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB at peak 255; infinite for equal images, NaN where a value is."""
    error = float(np.mean((image.astype(np.float64) - reference.astype(np.float64)) ** 2))
    if error == 0:
        return math.inf
    return 10 * math.log10(PEAK**2 / error) if math.isfinite(error) else math.nan


def max_abs(image: np.ndarray, reference: np.ndarray) -> float:
    """The largest difference of one value."""
    return float(np.max(np.abs(image.astype(np.float64) - reference.astype(np.float64))))


def ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Structural similarity, 1 for equal images: Wang et al. 2004, 7x7 windows, mean over the channels."""
    from skimage import metrics

    structural_similarity: Any = metrics.structural_similarity
    first, second = image.astype(np.float64), reference.astype(np.float64)
    return float(structural_similarity(first, second, channel_axis=2, data_range=PEAK))


def parity(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, float | None]:
    """The numbers of a ``ParityResult`` over pairs of an image and its reference."""
    ratios = [min(psnr(*pair), MOST_PSNR) for pair in pairs]
    return {
        "psnr": kept(min(ratios) if not any(map(math.isnan, ratios)) else math.nan, 4),
        "psnr_mean": kept(float(np.mean(ratios)), 4),
        "max_abs": kept(max(max_abs(*pair) for pair in pairs), 4),
        "ssim": kept(float(np.mean([ssim(*pair) for pair in pairs])), 6),
    }


def kept(value: float, digits: int) -> float | None:
    """A number as the record keeps it: without the noise of the last bits, ``None`` when not finite."""
    return round(float(value), digits) if math.isfinite(value) else None
