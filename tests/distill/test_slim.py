"""What a student starts from."""

from __future__ import annotations

import numpy as np
import pytest

from export_pipeline.distill.slim import KERNEL_RMS, balancing, calibrated, convolution, rescaled, rms, slimmed
from export_pipeline.models.vgg import STAGES, activations, needed_layers
from export_pipeline.perception.vgg_weights import Weights


def test_the_strongest_filters_are_kept_with_their_inputs(teacher: Weights) -> None:
    start, inputs = slimmed(teacher, 0.5), np.arange(3)
    for layer in needed_layers(STAGES):
        kernel, bias = teacher[layer]
        kept = start.kept[layer]
        norms = np.abs(kernel).sum((0, 1, 2))
        assert len(kept) == round(kernel.shape[3] / 2)
        assert norms[kept].min() >= np.delete(norms, kept).max()
        np.testing.assert_array_equal(start.weights[layer][0], kernel[:, :, inputs][..., kept])
        np.testing.assert_array_equal(start.weights[layer][1], bias[kept])
        inputs = kept


def test_calibrated_filters_respond_as_their_teachers_do(teacher: Weights, images: np.ndarray) -> None:
    start = slimmed(teacher, 0.5)
    layers = needed_layers(STAGES)
    weights = calibrated(start, teacher, images)
    for layer, wanted, found in zip(
        layers, activations(images, teacher, layers), activations(images, weights, layers), strict=True
    ):
        wanted = wanted.numpy()[..., start.kept[layer]]
        np.testing.assert_allclose(found.numpy().mean((0, 1, 2)), wanted.mean((0, 1, 2)), rtol=1e-2, atol=1e-4)
        np.testing.assert_allclose(found.numpy().std((0, 1, 2)), wanted.std((0, 1, 2)), rtol=1e-2, err_msg=layer)


def test_balancing_changes_features_by_a_factor_alone(teacher: Weights, images: np.ndarray) -> None:
    factors = balancing(teacher)
    weights = rescaled(teacher, factors)
    for kernel, _ in weights.values():
        assert rms(kernel) == pytest.approx(KERNEL_RMS, rel=1e-5)
    wanted, found = activations(images, teacher, STAGES), activations(images, weights, STAGES)
    for stage, before, after in zip(STAGES, wanted, found, strict=True):
        expected = before.numpy() * factors[convolution(stage)]
        np.testing.assert_allclose(after, expected, rtol=1e-3, atol=1e-4 * expected.max())
    back = rescaled(weights, {layer: 1 / factor for layer, factor in factors.items()})
    for layer, pair in back.items():
        np.testing.assert_allclose(pair[0], teacher[layer][0], rtol=1e-5)
