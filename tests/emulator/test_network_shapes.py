"""Shapes of before iOS 12: a sequence and a batch before what a file declares; images by their own three axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel
from export_pipeline.emulator.coremltools_quietly import quiet
from export_pipeline.errors import EmulatorError
from tests.emulator import reference as ref
from tests.emulator.mil import ct

WEIGHTS = np.random.default_rng(1).normal(size=(6, 4, 3, 3)).astype(np.float32)


def builder_of(shape: tuple[int, ...], exact: bool) -> Any:
    from coremltools.models import datatypes
    from coremltools.models.neural_network import NeuralNetworkBuilder

    return NeuralNetworkBuilder([("x", datatypes.Array(*shape))], [("y", None)], disable_rank5_shape_mapping=exact)


def opened(builder: Any, path: Path) -> CoreMLModel:
    path.write_bytes(builder.spec.SerializeToString())
    return CoreMLModel(path)


def doubling(shape: tuple[int, ...], exact: bool, path: Path) -> CoreMLModel:
    builder = builder_of(shape, exact)
    builder.add_activation("a", "LINEAR", "x", "y", [2.0, 0.0])
    return opened(builder, path)


def test_a_network_without_a_mapping_takes_a_sequence_and_a_batch(tmp_path: Path) -> None:
    """As ``[sequence, batch, C, H, W]``; the file declares what comes after these two."""
    builder = builder_of((4, 7, 6), exact=False)
    kernel = WEIGHTS.transpose(2, 3, 1, 0)
    builder.add_convolution("c", 4, 6, 3, 3, 1, 1, "valid", 1, kernel, None, False, input_name="x", output_name="y")
    one = np.random.default_rng(2).normal(size=(4, 7, 6)).astype(np.float32)
    several = np.stack([one, 2 * one, -one])[:, None]
    expected = ref.conv2d(several[:, 0], WEIGHTS)
    found = opened(builder, tmp_path / "c.mlmodel").run({"x": several})["y"]
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-4)


def test_a_vector_without_a_mapping_has_five_axes_and_no_others(tmp_path: Path) -> None:
    vector = doubling((4,), False, tmp_path / "v.mlmodel")
    assert vector.run({"x": np.ones((5, 1, 4, 1, 1), np.float32)})["y"].size == 20
    for shape in ((5, 1, 4, 1, 2), (5, 1, 3, 1, 1), (0, 1, 4, 1, 1), (1, 4)):
        with pytest.raises(EmulatorError, match="has shape"):
            vector.run({"x": np.ones(shape, np.float32)})
    exact = doubling((4,), True, tmp_path / "e.mlmodel")
    with pytest.raises(EmulatorError, match="has shape"):
        exact.run({"x": np.ones((1, 1, 4, 1, 1), np.float32)})


def test_an_image_is_transposed_by_its_own_three_axes(tmp_path: Path) -> None:
    from coremltools.models.neural_network.utils import make_image_input
    from PIL import Image

    builder = builder_of((4, 5, 3), exact=True)
    builder.add_activation("a", "LINEAR", "x", "y", [2.0, 0.0])
    with quiet():
        model = make_image_input(ct.models.MLModel(builder.spec, skip_model_load=True), "x", image_format="NHWC")
    (tmp_path / "m.mlmodel").write_bytes(model.get_spec().SerializeToString())
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    found = CoreMLModel(tmp_path / "m.mlmodel").predict({"x": Image.fromarray(pixels)})["y"]
    np.testing.assert_array_equal(found.reshape(4, 5, 3), 2.0 * pixels)


def test_a_gru_in_reverse_resets_its_state_and_gives_outputs_as_it_makes_them(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    wx, wh = ([draw.normal(size=(3, size)).astype(np.float32) for _ in range(3)] for size in (4, 3))
    builder = builder_of((4,), exact=False)
    builder.add_gru(
        "g", wh, wx, None, 3, 4, ["x"], ["y"], inner_activation="SIGMOID", output_all=True, reverse_input=True
    )
    x = draw.normal(size=(5, 1, 4, 1, 1)).astype(np.float32)
    h, expected = np.zeros(3), []
    for step in x[::-1].reshape(5, 4):
        update, reset = (1 / (1 + np.exp(-(wx[gate] @ step + wh[gate] @ h))) for gate in (0, 1))
        h = (1 - update) * np.tanh(wx[2] @ step + wh[2] @ (reset * h)) + update * h
        expected.append(h)
    found = opened(builder, tmp_path / "g.mlmodel").run({"x": x})["y"]
    np.testing.assert_allclose(found.reshape(5, 3), expected, atol=1e-5)
