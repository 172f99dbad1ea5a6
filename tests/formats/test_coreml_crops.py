"""Crops of the older Core ML format: one layer, and a file that still runs on iOS 12."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.formats import open_model
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


def spec_of(path: Path) -> Any:
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    spec.ParseFromString(path.read_bytes())
    return spec
