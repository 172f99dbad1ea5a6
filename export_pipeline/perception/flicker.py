"""How much a video flickers that a network paints frame by frame: warped differences under motion that is known.

Lai et al., "Learning Blind Video Temporal Consistency", 2018, warp one frame to the next by its optical flow. Here
frames are made from one photograph, so that the flow is known to the pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Rows and columns that the camera moves by, in pixels. None of them is a multiple of the strides of networks.
PAN = ((1, 1), (2, 3))
LIGHT = (0.97, 1.03)
# Left out at every side: there networks see where the image ends, and frames what another has not.
BORDER = 16


@dataclass(frozen=True)
class Flicker:
    """Root mean square differences of frames to the first one, 0..255; smaller is better.

    Attributes:
        pan: when the camera moves, each frame moved back. What does not depend on where a thing stands has 0.
        light: when the light changes by 3 %. The photograph itself has about 4.
    """

    pan: float
    light: float


def flicker(network: Callable[[np.ndarray], np.ndarray], photograph: np.ndarray) -> Flicker:
    """Of what *network* makes of frames of *photograph*.

    Args:
        network: from ``(H, W, 3)`` uint8 to a picture of the same size, 0..255.
        photograph: ``(H, W, 3)`` uint8, sides of more than 40 pixels.
    """
    first = network(photograph).astype(np.float64)
    moved = [_difference(first, network(_moved(photograph, *by)), *by) for by in PAN]
    lit = [_difference(first, network(_lit(photograph, share))) for share in LIGHT]
    return Flicker(*(float(np.sqrt(np.mean(squares))) for squares in (moved, lit)))


def _moved(photograph: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """What the camera sees *rows* further down and *columns* further right; the photograph is mirrored at its end."""
    height, width, _ = photograph.shape
    return np.pad(photograph, ((0, rows), (0, columns), (0, 0)), mode="reflect")[-height:, -width:]


def _lit(photograph: np.ndarray, share: float) -> np.ndarray:
    return np.clip(np.round(photograph * share), 0, 255).astype(np.uint8)


def _difference(first: np.ndarray, frame: np.ndarray, rows: int = 0, columns: int = 0) -> float:
    """Mean square difference of *frame*, moved back, to *first*."""
    height, width, _ = first.shape
    seen = first[BORDER + rows : height - BORDER, BORDER + columns : width - BORDER]
    back = frame[BORDER : height - BORDER - rows, BORDER : width - BORDER - columns]
    return float(np.mean(np.square(seen - back)))
