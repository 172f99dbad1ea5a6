"""Small pictures in which no two pixels that matter are alike."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def numbered(height: int, width: int) -> np.ndarray:
    """``(height, width, 3)`` uint8: red tells the column, green the row, blue both; a bright corner at the top left."""
    rows, columns = np.mgrid[:height, :width]
    picture = np.stack(
        [columns * 255 // max(1, width - 1), rows * 255 // max(1, height - 1), (rows * 31 + columns * 17) % 256], 2
    )
    picture[0, 0] = (255, 255, 255)
    return picture.astype(np.uint8)


def noisy(height: int, width: int, seed: int) -> np.ndarray:
    """``(height, width, 3)`` uint8 of every value, which a resize must get right at each pixel."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(picture: np.ndarray) -> bytes:
    """*picture* as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()
