"""What simulated brushes and pens share: random measures, smooth fields, and levels of colour."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

OF_SIDE = 512  # pixels of a square that measures are given for


def smoothed(value: np.ndarray, size: int) -> np.ndarray:
    """*value* ``(S, S)`` float32, averaged to *size* points a side and enlarged again."""
    small = Image.fromarray(np.ascontiguousarray(value, np.float32)).resize((size, size), Image.Resampling.BOX)
    return np.asarray(small.resize(value.shape[::-1], Image.Resampling.BICUBIC))


def levels(values: np.ndarray) -> np.ndarray:
    """*values* as uint8, rounded, and cut at 0 and 255."""
    found: np.ndarray = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return found


def between(low: float, high: float, random: np.random.Generator) -> float:
    """Drawn so that each octave is as likely as any other."""
    return math.exp(random.uniform(math.log(low), math.log(high)))
