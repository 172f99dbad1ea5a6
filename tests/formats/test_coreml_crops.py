"""Crops of the older Core ML format: one layer, and a file that still runs on iOS 12."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.formats import open_model
from export_pipeline.formats.coreml.crops import crop_channels_first
from tests.export import material

SIDE = 48


def test_a_margin_is_cut_off_by_one_layer(tmp_path: Path) -> None:
    model = material.filled("small", alpha=0.1, blocks=1, margin=8)
    (record,) = material.exported(model, material.recipe(("mlmodel-int8",), SIDE), tmp_path, ())
    spec = spec_of(tmp_path / record.file)
    kinds = [layer.WhichOneof("layer") for layer in spec.neuralNetwork.layers]
    assert kinds.count("crop") == 1
    assert not {"transpose", "sliceStatic"} & set(kinds)
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    wanted = model(image[None].astype(np.float32))[0].numpy()
    found = open_model(tmp_path / record.file).stylize(image).astype(np.float32)
    assert np.abs(found - wanted).mean() < 4  # of 255: 8-bit weights, and bytes


@pytest.mark.parametrize("change", ["strides", "size", "two takers"])
def test_what_is_no_crop_to_the_image_is_left_as_it_is(change: str) -> None:
    spec = transposed_crop(change)
    before = spec.SerializeToString(deterministic=True)
    crop_channels_first(spec)
    assert spec.SerializeToString(deterministic=True) == before


def test_elementwise_layers_between_are_kept() -> None:
    spec = transposed_crop()
    crop_channels_first(spec)
    pad, multiply, crop = spec.neuralNetwork.layers
    assert [list(layer.input) for layer in (pad, multiply, crop)] == [["image"], ["a"], ["c", "image"]]
    assert list(crop.output) == ["out"]
    assert list(crop.crop.offset) == [4, 4]


def spec_of(path: Path) -> Any:
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    spec.ParseFromString(path.read_bytes())
    return spec


def transposed_crop(change: str = "") -> Any:
    """image -> pad -> channels last -> times 2 -> crop -> channels first, with *change*."""
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    feature = spec.description.input.add(name="image")
    feature.type.imageType.height, feature.type.imageType.width = 16, 24
    chain = ("image", "a", "b", "c", "d", "out")
    layers = [
        spec.neuralNetwork.layers.add(name=f"layer {index}", input=[chain[index]], output=[chain[index + 1]])
        for index in range(5)
    ]
    layers[0].padding.reflection.SetInParent()
    layers[1].transpose.axes[:] = [0, 2, 3, 1]
    layers[2].multiply.alpha = 2
    cut = layers[3].sliceStatic
    cut.beginIds[:], cut.endIds[:] = [0, 4, 4, 0], [0, 20 if change != "size" else 21, 28, 0]
    cut.beginMasks[:] = cut.endMasks[:] = [True, False, False, True]
    cut.strides[:] = [1, 2 if change == "strides" else 1, 1, 1]
    layers[4].transpose.axes[:] = [0, 3, 1, 2]
    if change == "two takers":
        spec.neuralNetwork.layers.add(name="another", input=["b"], output=["more"]).unary.alpha = 1
    return spec
