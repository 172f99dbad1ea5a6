"""The principal axes of styles: what a painting is told by in place of its moments themselves.

Moments, the means and deviations of features, go up and down together: over the styles that `universal` was trained
on, the variance along the first principal axis is thirty times that along the eleventh, and a thousand times that along
the forty-first. A network that is given moments as they are learns the few great differences of styles, and hardly the
rest. Along these axes the great differences vary by about 1, and none of the small ones by more.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from export_pipeline import coding
from export_pipeline.base.files import sha256_of
from export_pipeline.errors import WeightsError

STYLE_AXES = Path(__file__).parent / "style_axes.weights"
# The axis whose variance is added to that of each. Beyond it styles that were not looked at differ by little more than
# noise, which would be made as great as what tells styles apart.
REGULARIZING = 30


def axes_of(moments: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean of *moments* of styles, ``(N, M)``, and their first *count* principal axes, scaled.

    PCA whitening (Kessy et al., "Optimal Whitening and Decorrelation", 2018), regularized: an axis along which the
    variance is v is scaled by ``1 / sqrt(v + v_30)``, with the variance along the thirtieth, or the last if there are
    fewer. So ``(moments - mean) @ axes`` has variances of ``v / (v + v_30)``: near 1 at first, a half at the thirtieth.

    Returns:
        ``(M,)`` and ``(M, count)`` float32. The entry of the greatest magnitude of each axis is above 0.

    Raises:
        ValueError: *count* is above M or N - 1.
    """
    styles, known = moments.shape
    if count > min(known, styles - 1):
        raise ValueError(f"{styles} styles with {known} moments have no {count} axes")
    mean = moments.mean(0, dtype=np.float64)
    variances, vectors = np.linalg.eigh(np.cov((moments - mean).T))
    variances, vectors = np.maximum(variances[::-1], 0)[:count], vectors[:, ::-1][:, :count]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(0), np.arange(count)])
    # Styles that are all alike have no variance at all.
    added = max(variances[min(REGULARIZING, count) - 1], np.finfo(np.float32).eps)
    return mean.astype(np.float32), (vectors / np.sqrt(variances + added)).astype(np.float32)


@cache
def style_axes(path: Path = STYLE_AXES) -> tuple[np.ndarray, np.ndarray]:
    """The mean, ``(M,)``, and the axes, ``(M, K)``, float32, of a file of :func:`write_style_axes`.

    Raises:
        WeightsError: it is missing, damaged, or holds something else.
    """
    arrays = coding.read(path)
    mean, axes = arrays.get("mean", np.empty(0)), arrays.get("axes", np.empty(0))
    finite = np.isfinite(mean).all() and np.isfinite(axes).all()
    if mean.ndim != 1 or axes.ndim != 2 or len(axes) != len(mean) or not finite:
        found = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise WeightsError(
            f"{path} has {found}; it must have finite numbers, mean (M,) and axes (M, K).\n"
            "Make it with python -m export_pipeline.universal axes RECIPE -o FILE."
        )
    return mean.astype(np.float32), axes.astype(np.float32)


def write_style_axes(path: Path, mean: np.ndarray, axes: np.ndarray) -> None:
    """Write what :func:`style_axes` reads, in half precision.

    Raises:
        OutputError: the file cannot be written.
    """
    coding.write(path, {"mean": mean.astype(np.float16), "axes": axes.astype(np.float16)})


def axes_sha256() -> str:
    """Of the file that comes along."""
    return sha256_of(STYLE_AXES)
