"""A network of several inputs, in an order that is not that of their names, in every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.export import export
from export_pipeline.formats import contents_of, diagnosis_of, open_model
from export_pipeline.formats.tflite import flatbuffer, norms
from export_pipeline.models import adain_subpixel
from export_pipeline.models.adain import STATISTICS
from export_pipeline.models.layers import InstanceNormalization
from export_pipeline.recipe import Recipe, default_targets
from export_pipeline.records.signature import Signature, picture, tensor
from export_pipeline.targets import TARGETS
from tests.export import material
from tests.export.test_contract import program
from tests.formats.test_coreml_crops import spec_of
from tests.models.material import styles

SIDE = 64
LEAST_PSNR = {"fp32": 90.0, "fp16": 45.0, "int8": 30.0}
SIGNATURE = Signature(
    inputs=(
        picture("image", SIDE, SIDE),
        tensor("style", (1, 1, 1, STATISTICS)),
        tensor("strength", (1, 1, 1, 1), 0, 1),
    ),
    outputs=(picture("stylized", SIDE, SIDE),),
)
MADE = default_targets(Recipe.parse({}).compress)


def samples() -> list[dict[str, np.ndarray]]:
    strengths = np.array([1, 0.4, 1, 0], np.float32).reshape(4, 1, 1, 1)
    photographs = [image[:SIDE, :SIDE] for image in material.photographs()]
    return [
        {"image": image, "style": style, "strength": strength}
        for image, style, strength in zip(photographs, styles(4), strengths, strict=True)
    ]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, dict[str, Any]]:
    model = adain_subpixel(alpha=0.25, blocks=1, margin=8)
    folder = tmp_path_factory.mktemp("any_style")
    table = {"export": {"height": SIDE, "width": SIDE, "targets": MADE}, "task": "arbitrary_style"}
    records = export(model, Recipe.parse(table), SIGNATURE, folder, samples())
    return model, folder, {record.target: record for record in records}


@pytest.mark.parametrize("target", [target for target in MADE if target in ("tflite-fp16", "tflite-dynamic")])
def test_a_phones_gpu_takes_all_of_it_and_no_norm_is_scaled_twice(
    files: tuple[Any, Path, dict[str, Any]], target: str
) -> None:
    _, folder, records = files
    path = folder / records[target].file
    found = diagnosis_of(path, contents_of(path))
    assert not found.refused
    assert (found.parts, found.delegated) == (1, found.operations)
    content = flatbuffer.read(path.read_bytes())
    assert "SQUARED_DIFFERENCE" in flatbuffer.operations(content)
    assert norms.fold(content) == 0


@pytest.mark.parametrize("target", MADE)
def test_each_input_goes_where_its_name_says(files: tuple[Any, Path, dict[str, Any]], target: str) -> None:
    model, folder, records = files
    runtime = open_model(folder / records[target].file, threads=1)
    assert [port.name for port in runtime.signature.inputs] == ["image", "style", "strength"]
    pictures = []
    for sample in samples()[:2]:
        expected = model([array[None].astype(np.float32) for array in sample.values()]).numpy()[0]
        (found,) = runtime.infer(sample).values()
        error = np.mean((found.astype(np.float64) - expected) ** 2)
        assert 10 * np.log10(255**2 / error) > LEAST_PSNR[TARGETS[target].weights]
        pictures.append(found)
    assert np.abs(pictures[0] - pictures[1]).mean() > 1


def test_a_norm_after_a_convolution_and_before_a_scale_is_one_operation(tmp_path: Path) -> None:
    model = material.filled("adain_subpixel", alpha=0.1, blocks=1, margin=8)
    norms = sum(isinstance(layer, InstanceNormalization) for layer in model.layers)
    table = {"export": {"height": SIDE, "width": SIDE, "targets": ("mlpackage-fp16", "mlmodel-int8")}}
    package, network = export(model, Recipe.parse(table), SIGNATURE, tmp_path)
    operations = program(tmp_path / package.file).operations
    assert [operation.type for operation in operations].count("instance_norm") == norms == 3
    layers = spec_of(tmp_path / network.file).neuralNetwork.layers
    assert [layer.batchnorm.instanceNormalization for layer in layers].count(True) == norms
