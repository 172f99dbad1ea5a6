"""What an optimization paints on: the pixels of a photograph, or their luminance alone, which keeps its colours.

Gatys et al., "Preserving Color in Neural Artistic Style Transfer", 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from export_pipeline.base.images import to_uint8

LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601: Y of YIQ and of YCbCr


def luminance(image: np.ndarray) -> np.ndarray:
    """Y of ``(H, W, 3)`` RGB 0..255: ``(H, W, 1)`` float64 0..255."""
    found: np.ndarray = image.astype(np.float64) @ LUMINANCE[:, None]
    return found


def matched_luminance(style: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """*style* in gray, with the mean and the deviation of the luminance of *photo*: ``(H, W, 3)`` uint8.

    Gatys et al., "Preserving Color in Neural Artistic Style Transfer": without it, the style's contrast would be
    asked of a photograph whose colours may not leave room for it.
    """
    own, wanted = luminance(style), luminance(photo)
    scale = wanted.std() / max(own.std(), 1e-6)
    return np.repeat(to_uint8((own - own.mean()) * scale + wanted.mean()), 3, axis=2)


@dataclass(frozen=True)
class Canvas:
    """The values that are optimized, ``(H, W, C)`` 0..255: where they begin, their bounds, and what is added to them.

    The loss network sees them as RGB, repeated where C is 1; the picture is their sum with *added*, ``(H, W, 3)``.
    """

    photo: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    added: np.ndarray

    def picture(self, values: np.ndarray) -> np.ndarray:
        """``(H, W, 3)`` uint8 of *values* in the shape of the photo."""
        return to_uint8(values + self.added)

    def noisy_photo(self, seed: int, deviation: float) -> np.ndarray:
        """The photograph with normal noise of *deviation*, within the bounds."""
        noise = np.random.default_rng(seed).normal(0, deviation, self.photo.shape)
        found: np.ndarray = np.clip(self.photo + noise, self.lower, self.upper)
        return found

    def noise(self, seed: int) -> np.ndarray:
        """Values at random between the bounds, in the shape of the photo."""
        return np.random.default_rng(seed).uniform(self.lower, self.upper)


def colour_canvas(photo: np.ndarray) -> Canvas:
    """Every pixel of *photo*, ``(H, W, 3)`` uint8, moves freely."""
    values = photo.astype(np.float64)
    return Canvas(values, np.zeros_like(values), np.full_like(values, 255), np.zeros_like(values))


def luminance_canvas(photo: np.ndarray) -> Canvas:
    """Only the luminance moves, and only as far as the photo's chroma fits into RGB with it."""
    values = luminance(photo)
    chroma = photo - values
    # Where a colour has no room at all, rounding would put the bounds on the wrong sides of each other.
    lower = np.minimum(-chroma.min(2, keepdims=True), values)
    upper = np.maximum(255 - chroma.max(2, keepdims=True), values)
    return Canvas(values, lower, upper, chroma)
