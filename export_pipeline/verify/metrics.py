"""How far one output is from another. Pictures are ``(H, W, 3)`` with values 0..255."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from export_pipeline.records.signature import Port

PEAK = 255.0
# PSNR of equal images is infinite; records hold this instead, which no pair of unequal float32 images reaches.
MOST_PSNR = 200.0
WINDOW = 7  # side of the windows of SSIM


def psnr(output: np.ndarray, reference: np.ndarray, peak: float = PEAK) -> float:
    """Peak signal-to-noise ratio in dB; infinite for equal outputs, NaN where a value is."""
    error = float(np.mean((output.astype(np.float64) - reference.astype(np.float64)) ** 2))
    if error == 0:
        return math.inf
    return 10 * math.log10(peak**2 / error) if math.isfinite(error) and peak > 0 else math.nan


def max_abs(image: np.ndarray, reference: np.ndarray) -> float:
    """The largest difference of one value."""
    return float(np.max(np.abs(image.astype(np.float64) - reference.astype(np.float64))))


def ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Structural similarity, 1 for equal images: Wang et al., "Image Quality Assessment", 2004.

    Windows of 7x7 that lie whole in the picture, each of one weight, variances of samples, mean over the channels.
    """
    pairs = zip(np.moveaxis(image, 2, 0), np.moveaxis(reference, 2, 0), strict=True)
    return float(np.mean([_ssim(own.astype(np.float64), other.astype(np.float64)) for own, other in pairs]))


def _ssim(first: np.ndarray, second: np.ndarray) -> float:
    count = WINDOW * WINDOW
    means = _windows(first) / count, _windows(second) / count
    squares = [_windows(a * b) / count for a, b in ((first, first), (second, second), (first, second))]
    of_sample = count / (count - 1)
    variances = [of_sample * (squares[i] - means[i] ** 2) for i in (0, 1)]
    both = of_sample * (squares[2] - means[0] * means[1])
    light, contrast = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    above = (2 * means[0] * means[1] + light) * (2 * both + contrast)
    below = (means[0] ** 2 + means[1] ** 2 + light) * (sum(variances) + contrast)
    return float(np.mean(above / below))


def _windows(values: np.ndarray) -> np.ndarray:
    """Sums over every window of *values* ``(H, W)`` that lies whole in them."""
    for axis in (0, 1):
        padded = np.insert(np.cumsum(values, axis), 0, 0.0, axis)
        length = padded.shape[axis]
        ends, starts = (np.take(padded, range(*limits), axis) for limits in ((WINDOW, length), (0, length - WINDOW)))
        values = ends - starts
    return values


def relative_error(output: np.ndarray, reference: np.ndarray) -> float:
    """``||output - reference||_F / ||reference||_F``."""
    length = float(np.linalg.norm(reference.astype(np.float64)))
    difference = float(np.linalg.norm(output.astype(np.float64) - reference.astype(np.float64)))
    return difference / length if length else (0.0 if difference == 0 else math.inf)


Pairs = Sequence[tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]]


def incomparable(pairs: Pairs) -> str:
    """Why the outputs of *pairs* cannot be compared with those of the reference; empty if they can."""
    for own, other in pairs:
        shapes, wanted = ({name: array.shape for name, array in found.items()} for found in (own, other))
        if shapes != wanted:
            return f"its output has the wrong size: {_listed(shapes)} instead of {_listed(wanted)}"
    finite = all(np.isfinite(array).all() for own, _ in pairs for array in own.values())
    return "" if finite else "its output is not finite"


def _listed(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())


def parity(pairs: Pairs, ports: Sequence[Port]) -> dict[str, float | None]:
    """The numbers of a ``ParityResult`` over pairs of outputs and those of the reference, by name.

    Args:
        ports: of the network's outputs. The peak of one that is no picture is its range where that is known, else the
            range of the reference's values over all pairs.
    """
    pictures = {port.name for port in ports if port.color}
    peaks = {port.name: _peak(port, [other[port.name] for _, other in pairs]) for port in ports}
    ratios = [min(psnr(own[name], other[name], peaks[name]), MOST_PSNR) for own, other in pairs for name in other]
    shown = [ssim(own[name], other[name]) for own, other in pairs for name in other if name in pictures]
    rest = [relative_error(own[name], other[name]) for own, other in pairs for name in other if name not in pictures]
    found = {
        "psnr": kept(min(ratios) if not any(map(math.isnan, ratios)) else math.nan, 4),
        "psnr_mean": kept(float(np.mean(ratios)), 4),
        "max_abs": kept(max(max_abs(own[name], other[name]) for own, other in pairs for name in other), 4),
        "ssim": kept(float(np.mean(shown)), 6) if shown else None,
    }
    return found | ({"relative_error": kept(float(np.mean(rest)), 6)} if rest else {})


def _peak(port: Port, references: Sequence[np.ndarray]) -> float:
    if port.color:
        return PEAK
    if port.low is not None and port.high is not None:
        return port.high - port.low
    return float(max(array.max() for array in references) - min(array.min() for array in references))


def kept(value: float, digits: int) -> float | None:
    """A number as the record keeps it: without the noise of the last bits, ``None`` when not finite."""
    return round(float(value), digits) if math.isfinite(value) else None
