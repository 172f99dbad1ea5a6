"""Kernels of few values, which exported files hold exactly.

The values are 16-bit floats, also where the input scale is folded into the kernel. A clustered kernel is nothing but a
kernel with few values; who writes tables takes them from it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tf_keras as keras

from export_pipeline.compress.fold import folded_scales
from export_pipeline.compress.layers import convolutions
from export_pipeline.kmeans import kmeans

LARGEST = float(np.finfo(np.float16).max)


def representable(values: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """*values* rounded to float32 that a 16-bit float holds, also when multiplied by *scale*, a power of two."""
    largest = LARGEST / max(1.0, abs(scale))
    half = np.clip(values, -largest, largest).astype(np.float16).astype(np.float32)
    scaled = (half * np.float32(scale)).astype(np.float16).astype(np.float32)
    # No negative zero: it would be a second zero of the table.
    return np.asarray(scaled / np.float32(scale) + np.float32(0))


def clustered(kernel: np.ndarray, bits: int, importance: np.ndarray | None = None, scale: float = 1.0) -> np.ndarray:
    """*kernel* with at most ``2**bits`` values, zero where it was zero.

    Args:
        kernel: of any shape.
        bits: 1..8.
        importance: what the squared error of each weight counts, in the shape of *kernel*; ``None``: all the same.
        scale: what the kernel will be multiplied by when it is folded.
    """
    found = kmeans(kernel, 2**bits, weights=importance, keep_zero=True)
    return np.asarray(representable(found.centroids, scale)[found.indices])


def clustered_kernels(
    model: keras.Model, bits: Mapping[str, int], importance: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The kernels of *model* named in *bits*, each clustered to its width; *model* stays as it is."""
    layers, scales = convolutions(model), folded_scales(model)
    return {
        name: clustered(layers[name].kernel.numpy(), width, importance.get(name), scales.get(name, 1.0))
        for name, width in bits.items()
    }


def set_kernels(model: keras.Model, kernels: Mapping[str, np.ndarray]) -> None:
    """Give the layers of *model* these kernels."""
    layers = convolutions(model)
    for name, kernel in kernels.items():
        layers[name].kernel.assign(kernel)
