"""Neural networks of Core ML of several sizes: the layers of a file of one size, and a description that lists them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest

from export_pipeline.base.images import fit
from export_pipeline.errors import ExportError, ImageError
from export_pipeline.export import export
from export_pipeline.formats import interface_of, open_model
from export_pipeline.formats.coreml import neuralnetwork
from export_pipeline.recipe import Recipe
from export_pipeline.records.signature import Signature, image_to_image
from tests.export import material

FIRST, FURTHER = (32, 48), (64, 40)
BOTH = Signature.flexible([image_to_image(*size, "image", "stylized") for size in (FIRST, FURTHER)])
IOS12 = 3
EACH = pytest.mark.parametrize("network", material.OF_SEVERAL_SIZES)


@cache
def model_of(network: str) -> Any:
    return material.filled(**material.OF_SEVERAL_SIZES[network])


def written(network: str, folder: Path, size: tuple[int, int] | None) -> Path:
    recipe = Recipe.parse({"name": "tiny", "export": {"targets": ["mlmodel-int8"]}})
    signature = image_to_image(*(size or FIRST), "image", "stylized")
    (found,) = export(model_of(network), recipe, signature, folder, flexible=None if size else BOTH)
    return folder / found.file


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The file of a network: a flexible one, or that of one size."""
    return cache(lambda network, size: written(network, tmp_path_factory.mktemp(network), size))


def spec_of(path: Path) -> Any:
    return ct.utils.load_spec(str(path))


@EACH
@pytest.mark.parametrize("size", [FIRST, FURTHER], ids=str)
def test_at_each_size_it_is_the_file_of_that_size(files: Any, network: str, size: tuple[int, int]) -> None:
    flexible, own = files(network, None), files(network, size)
    assert spec_of(flexible).neuralNetwork == spec_of(own).neuralNetwork
    photo = fit(material.photographs()[0], *size)
    found, wanted = (open_model(path).infer({"image": photo})["stylized"] for path in (flexible, own))
    assert np.array_equal(found, wanted)


@EACH
def test_its_description_and_its_metadata_name_the_sizes(files: Any, network: str) -> None:
    path = files(network, None)
    spec, interface = spec_of(path), interface_of(path)
    assert spec.specificationVersion == IOS12
    for feature in (*spec.description.input, *spec.description.output):
        image = feature.type.imageType
        assert (image.height, image.width) == FIRST
        assert [(one.height, one.width) for one in image.enumeratedSizes.sizes] == [FIRST, FURTHER]
    told = Signature.from_metadata(interface.metadata)
    assert told is not None
    assert told.sizes == (FIRST, FURTHER)
    assert (told.inputs, told.outputs) == (interface.inputs, interface.outputs)
    with pytest.raises(ImageError, match=r"takes images of 32x48 or 64x40 \(height x width\); this one is 48x32"):
        open_model(path).stylize(np.zeros((48, 32, 3), np.uint8))


def test_two_exports_give_the_same_bytes(files: Any, tmp_path: Path) -> None:
    assert written("small", tmp_path, None).read_bytes() == files("small", None).read_bytes()


def test_layers_of_one_size_are_refused(files: Any) -> None:
    one, other = spec_of(files("small", FIRST)), spec_of(files("small", FURTHER))
    neuralnetwork.check_same(one, other, FURTHER)
    (layer,) = [layer for layer in other.neuralNetwork.layers if layer.WhichOneof("layer") == "crop"]
    layer.crop.cropAmounts.borderAmounts[0].startEdgeSize += 1
    with pytest.raises(
        ExportError, match=rf"other layers at 64x40 than at its first size \(from {layer.name} on\)\. Leave"
    ):
        neuralnetwork.check_same(one, other, FURTHER)
