"""What a student starts from: the teacher's strongest filters, which respond as they did in the teacher.

Filters are chosen by their L1 norm (Li et al., "Pruning Filters for Efficient ConvNets", 2017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from export_pipeline.models.vgg import STAGES, activations, needed_layers  # isort: skip - loads TensorFlow quietly
import tensorflow as tf

from export_pipeline.perception.vgg_weights import Weights

LEAST_VARIANCE = 1e-12  # of a filter's responses, where it always gives the same
KERNEL_RMS = 0.05


@dataclass(frozen=True)
class Slimmed:
    """Kernels and biases of the kept filters by layer, and which filters of the teacher those are."""

    weights: dict[str, tuple[np.ndarray, np.ndarray]]
    kept: dict[str, np.ndarray]


def slimmed(teacher: Weights, width: float) -> Slimmed:
    """The filters of largest L1 norm of *teacher* up to relu5_1: the share *width* of each layer."""
    weights, kept = {}, {}
    inputs = np.arange(3)
    for layer in needed_layers(STAGES):
        kernel, bias = teacher[layer]
        count = max(1, round(width * kernel.shape[3]))
        norms = np.abs(kernel).sum((0, 1, 2), dtype=np.float64)
        kept[layer] = np.sort(np.argsort(-norms, kind="stable")[:count])
        weights[layer] = (kernel[:, :, inputs][..., kept[layer]], bias[kept[layer]])
        inputs = kept[layer]
    return Slimmed(weights, kept)


def calibrated(
    start: Slimmed, teacher: Weights, images: np.ndarray, repeated: bool = False
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """*start* with each filter scaled and shifted to respond to *images* with its teacher's mean and deviation.

    Filters that have lost three quarters of their inputs respond otherwise than before, and many would never fire.
    """
    layers = needed_layers(STAGES)
    wanted = responses(teacher, layers, images, repeated)
    weights = dict(start.weights)
    for layer in layers:
        mean, variance = (moment[start.kept[layer]] for moment in wanted[layer])
        own_mean, own_variance = responses(weights, (layer,), images, repeated)[layer]
        gain = np.sqrt(variance / np.maximum(own_variance, LEAST_VARIANCE))
        kernel, bias = weights[layer]
        weights[layer] = (
            (kernel * gain).astype(np.float32),
            ((bias - own_mean) * gain + mean).astype(np.float32),
        )
    return weights


def responses(
    weights: Weights, layers: Sequence[str], images: np.ndarray, repeated: bool = False
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Mean and variance of each filter of *layers* before its ReLU, over *images*: ``(C,)`` each, double precision."""
    sums: dict[str, Any] = dict.fromkeys(layers, (0.0, 0.0))
    for image in images:
        for layer, response in zip(layers, activations(image[None], weights, layers, repeated), strict=True):
            mean, variance = (part.numpy().astype(np.float64) for part in tf.nn.moments(response, [0, 1, 2]))
            means, squares = sums[layer]
            sums[layer] = means + mean, squares + variance + np.square(mean)
    count = len(images)
    return {
        layer: (means / count, squares / count - np.square(means / count)) for layer, (means, squares) in sums.items()
    }


def balancing(weights: Weights) -> dict[str, float]:
    """A factor for the features of each layer, with which every kernel has the root mean square ``KERNEL_RMS``.

    A step of Adam is as large for every weight, whatever the weight is. Kernels of one size move equally fast.
    """
    factors, factor = {}, 1.0
    for layer, (kernel, _) in weights.items():
        factor *= KERNEL_RMS / rms(kernel)
        factors[layer] = factor
    return factors


def rescaled(weights: Weights, factors: Mapping[str, float]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """*weights* whose features are those of before times the factor of their layer."""
    found, before = {}, 1.0
    for layer, (kernel, bias) in weights.items():
        found[layer] = (kernel * np.float32(factors[layer] / before), bias * np.float32(factors[layer]))
        before = factors[layer]
    return found


def rms(array: np.ndarray) -> float:
    """The root mean square, in double precision."""
    return float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))


def convolution(stage: str) -> str:
    """The layer before the ReLU of *stage*."""
    return stage.replace("relu", "conv")


def selection(kept: np.ndarray, channels: int) -> np.ndarray:
    """The kernel ``(1, 1, len(kept), channels)`` that puts each feature where the teacher has it."""
    found = np.zeros((1, 1, len(kept), channels), np.float32)
    found[0, 0, np.arange(len(kept)), kept] = 1
    return found
