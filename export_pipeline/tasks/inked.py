"""Ink and engravings: the manners of :mod:`.painted` that draw with lines.

Ink after Winnemoeller et al., "XDoG: An eXtended difference-of-Gaussians compendium", 2012.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from export_pipeline.tasks.canvas import OF_SIDE, between, levels, smoothed

WIDER = 1.6  # the second blur of a difference of Gaussians, as many times as wide as the first


def inked(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Lines of ink where the photograph has edges, over a wash of few colours; and hatched where it is dark."""
    side = len(image)
    scale = side / OF_SIDE
    gray = np.asarray(Image.fromarray(image).convert("L"), np.float32)
    narrow = between(0.8, 3, random) * scale
    edges = _blurred(gray, narrow) - random.uniform(0.9, 0.98) * _blurred(gray, WIDER * narrow)
    paper = np.clip(1 + np.tanh((edges - np.quantile(edges, random.uniform(0.05, 0.3))) / 2), 0, 1)
    if random.random() < 0.6:
        period = between(5, 20, random) * scale
        dark = np.clip(1.5 * random.uniform(0.2, 0.6) - _blurred(gray, period) / 255, 0, 0.7)
        paper *= _ruled(dark, period, image, random)
    wash = Image.fromarray(image).filter(ImageFilter.GaussianBlur(between(1, 6, random) * scale))
    colors = wash.quantize(int(random.integers(4, 24)), Image.Quantize.MEDIANCUT).convert("RGB")
    pale = np.asarray(colors, np.float32) * (thin := random.uniform(0.4, 1)) + (1 - thin) * random.uniform(200, 255)
    ink = image.reshape(-1, 3)[gray.ravel() <= np.quantile(gray, 0.2)].mean(0) * random.uniform(0.2, 0.8)
    return levels(paper[..., None] * pale + (1 - paper[..., None]) * ink)


def engraved(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Lines of one colour or of the photograph's, the broader the darker it is, on paper of one colour."""
    side = len(image)
    period = between(5, 24, random) * side / OF_SIDE
    seen = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(period / 3)), np.float32)
    gray = seen.mean(2)
    low, high = np.quantile(gray, (0.02, 0.98))
    dark = np.clip(0.85 - 0.75 * (gray - low) / max(high - low, 1.0), 0.08, 0.92)
    paper = _ruled(dark, period, image, random)
    if random.random() < 0.4:
        paper = np.minimum(paper, _ruled(np.clip(2 * dark - 1, 0, 0.9), period, image, random))
    light, ink = (image.reshape(-1, 3)[part.ravel()].mean(0) for part in (gray >= high * 0.8, gray <= np.median(gray)))
    line = seen * random.uniform(0.5, 0.9) if random.random() < 0.5 else ink * random.uniform(0.3, 0.9)
    ground = seen * 0.4 + light * 0.6 if random.random() < 0.5 else light
    return levels(paper[..., None] * np.clip(ground * 1.1, 0, 255) + (1 - paper[..., None]) * line)


def _ruled(dark: np.ndarray, period: float, image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Bent lines that are apart by *period* pixels, and cover the share *dark* of the paper: 0 on a line, else 1.

    They are straight, waves, or bent by what *image* shows.
    """
    side = len(dark)
    rows, columns = np.mgrid[:side, :side]
    angle, bent = random.uniform(0, np.pi), random.uniform(0, 4) * period
    field = smoothed(random.normal(0, 1, (side, side)).astype(np.float32), int(random.integers(3, 12)))
    if random.random() < 0.5:
        field = _blurred(np.asarray(Image.fromarray(image).convert("L"), np.float32), 2 * period)
    field = (field - field.mean()) / max(float(field.std()), 1e-6)
    phase = (rows * np.sin(angle) + columns * np.cos(angle) + bent * field) / period
    from_line = 2 * np.abs(phase - np.rint(phase))  # 0 in the middle of a line, 1 between two
    found: np.ndarray = np.clip((from_line - dark) * period / 2 + 0.5, 0, 1)
    return found


def _blurred(value: np.ndarray, sigma: float) -> np.ndarray:
    """*value* ``(S, S)`` float32 0..255, blurred by a Gaussian of *sigma* pixels."""
    from scipy import ndimage

    found: np.ndarray = ndimage.gaussian_filter(value, sigma)
    return found
