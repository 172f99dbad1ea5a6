"""How much of a pattern with a period of 4 pixels an image holds, as networks leave it that make squares of pixels.

Odena et al., "Deconvolution and Checkerboard Artifacts", Distill, 2016, show where such patterns come from.
"""

from __future__ import annotations

import numpy as np

PERIOD = 4
WINDOW, STRIDE = 16, 8
# Of a spectrum, from a harmonic to what it is compared with: with the window of Hann nothing of it is left there.
APART = 2
HARMONICS = tuple(
    (u, v) for u in range(0, WINDOW, WINDOW // PERIOD) for v in range(0, WINDOW, WINDOW // PERIOD) if (u, v) != (0, 0)
)
LEAST_POWER = 1e-3  # far below what one level in a thousand pixels has, so that a flat image has 1
PATCH, PATCH_STRIDE = 5, 2  # windows: patches of 48x48 pixels, every 16
LEAST_SEEN = 100.0  # power in a window: that of a wave with an amplitude of a third of a level


def weave(image: np.ndarray) -> float:
    """Power of *image* at periods of 4 and 2 pixels over that of the frequencies beside them.

    Of the brightness, in windows of 16x16 under a window of Hann: at each of the 15 harmonics, against the geometric
    mean of the powers two lines to each side. A pattern need not keep its sign from window to window.

    Args:
        image: ``(H, W, 3)``, 0..255, sides of 16 or more.

    Returns:
        About 1 for photographs and paintings; several times that for a weave or a checkerboard.
    """
    return float(_share(_powers(image).mean((0, 1)) + LEAST_POWER))


def local_weave(image: np.ndarray) -> float:
    """As :func:`weave` where it is worst: what only a hundredth of all patches of 48x48 pixels exceed.

    In a patch the powers of the windows are averaged geometrically: in the mean of the whole image those with strokes
    hide a pattern that the eye sees in a flat part, or in a strip along an edge. What is too faint to be seen counts
    as nothing. The patch is the image where that is smaller.

    Args:
        image: ``(H, W, 3)``, 0..255, sides of 16 or more.

    Returns:
        1 to 3 for photographs and paintings, 1 for a flat image.
    """
    powers = np.log(_powers(image) + LEAST_SEEN)
    sides = tuple(min(PATCH, side) for side in powers.shape[:2])
    patches = np.lib.stride_tricks.sliding_window_view(powers, sides, (0, 1))[::PATCH_STRIDE, ::PATCH_STRIDE]
    found = np.exp(patches.mean((-2, -1)))
    return float(np.percentile(_share(found), 99))


def _powers(image: np.ndarray) -> np.ndarray:
    """The power spectrum of the brightness in each window: ``(rows, columns, 16, 16)``."""
    brightness = image.astype(np.float64).mean(-1)
    windows = np.lib.stride_tricks.sliding_window_view(brightness, (WINDOW, WINDOW))[::STRIDE, ::STRIDE]
    centred = windows - windows.mean((-2, -1), keepdims=True)
    powers: np.ndarray = np.square(np.abs(np.fft.fft2(centred * np.outer(hann(), hann()))))
    return powers


def _share(power: np.ndarray) -> np.ndarray:
    """Power at the harmonics over what spectra ``(..., 16, 16)`` without a pattern would have there."""
    own = np.sum([power[..., u, v] for u, v in HARMONICS], 0)
    found: np.ndarray = own / np.sum([_expected(power, u, v) for u, v in HARMONICS], 0)
    return found


def hann() -> np.ndarray:
    """The window of Hann, ``(16,)``."""
    window: np.ndarray = np.hanning(WINDOW + 1)[:-1]
    return window


def beside(u: int, v: int) -> list[tuple[int, int]]:
    """The lines around the harmonic ``(u, v)``, up to two below 0: an axis on which *u* or *v* is 0 is not left."""
    rows = (u - APART, u + APART) if u else (0,)
    columns = (v - APART, v + APART) if v else (0,)
    return [(row, column) for row in rows for column in columns]


def _expected(power: np.ndarray, u: int, v: int) -> np.ndarray:
    """What spectra without a pattern would have at ``(u, v)``."""
    around = [power[..., row % WINDOW, column % WINDOW] for row, column in beside(u, v)]
    found: np.ndarray = np.exp(np.mean(np.log(around), 0))
    return found
