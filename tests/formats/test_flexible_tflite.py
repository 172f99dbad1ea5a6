"""TFLite files of several sizes: at each they are the files of that size, and a GPU takes them whole."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export_pipeline.base.images import fit
from export_pipeline.errors import ExportError
from export_pipeline.export import export, pictures
from export_pipeline.formats import contents_of, diagnosis_of, open_model
from export_pipeline.formats.tflite import flexible as flexible_files
from export_pipeline.recipe import Recipe
from export_pipeline.records.signature import Signature, image_to_image
from export_pipeline.verify.metrics import parity
from tests.export import material

FIRST, FURTHER = (32, 48), (64, 40)
BOTH = Signature.flexible([image_to_image(*size, "image", "stylized") for size in (FIRST, FURTHER)])
TARGETS = ["tflite-fp16", "tflite-dynamic", "tflite-int8"]
EACH = pytest.mark.parametrize("network", material.OF_SEVERAL_SIZES)
EVERY = pytest.mark.parametrize("target", TARGETS)


@cache
def model_of(network: str) -> Any:
    return material.filled(**material.OF_SEVERAL_SIZES[network])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Files of a network by target: flexible ones, or those of one size."""

    @cache
    def write(network: str, size: tuple[int, int] | None) -> dict[str, Path]:
        folder = tmp_path_factory.mktemp(network)
        recipe = Recipe.parse({"name": "tiny", "export": {"targets": TARGETS}})
        signature = image_to_image(*(size or FIRST), "image", "stylized")
        samples = pictures(signature, material.photographs())
        found = export(model_of(network), recipe, signature, folder, samples, flexible=None if size else BOTH)
        return {one.target: folder / one.file for one in found}

    return write


def photo(size: tuple[int, int]) -> np.ndarray:
    return fit(material.photographs()[0], *size)


def psnr(path: Path, network: str, size: tuple[int, int]) -> float:
    wanted = model_of(network)(photo(size)[None].astype(np.float32), training=False).numpy()[0]
    found = open_model(path).infer({"image": photo(size)})["stylized"]
    number = parity([({"stylized": found}, {"stylized": wanted})], BOTH.outputs)["psnr"]
    assert number is not None
    return number


@EACH
@pytest.mark.parametrize("size", [FIRST, FURTHER], ids=str)
@pytest.mark.parametrize("target", TARGETS[:2])
def test_at_each_size_it_gives_what_a_file_of_that_size_gives(
    files: Any, network: str, target: str, size: tuple[int, int]
) -> None:
    flexible, own = (open_model(files(network, each)[target], threads=1) for each in (None, size))
    found, wanted = (runtime.infer({"image": photo(size)})["stylized"] for runtime in (flexible, own))
    assert np.array_equal(found, wanted)


@EACH
def test_full_integer_files_are_those_of_the_first_size_and_lose_little_at_others(files: Any, network: str) -> None:
    flexible, first, further = (files(network, size)["tflite-int8"] for size in (None, FIRST, FURTHER))
    found, wanted = (open_model(path).infer({"image": photo(FIRST)})["stylized"] for path in (flexible, first))
    assert np.array_equal(found, wanted)
    assert psnr(flexible, network, FURTHER) > psnr(further, network, FURTHER) - 1.0


@EACH
@EVERY
def test_it_is_a_file_of_the_first_size_that_may_be_another(files: Any, network: str, target: str) -> None:
    flexible, own = (files(network, size)[target] for size in (None, FIRST))
    runner = Interpreter(model_path=str(flexible))
    for (detail,) in (runner.get_input_details(), runner.get_output_details()):
        assert detail["shape"].tolist() == [1, *FIRST, 3]
        assert detail["shape_signature"].tolist() == [1, -1, -1, 3]
    one, other = contents_of(flexible), contents_of(own)
    assert one.multiply_accumulates == other.multiply_accumulates
    assert {"RESIZE_NEAREST_NEIGHBOR", "SHAPE"} & set(one.operations) == set()
    enlarged = other.operations.get("RESIZE_NEAREST_NEIGHBOR", 0)
    assert sum(one.operations.values()) == sum(other.operations.values()) + enlarged
    about = diagnosis_of(flexible, one)
    assert (about.parts, about.refused, about.failures) == (1, (), ())
    assert about.longest_sum == diagnosis_of(own, other).longest_sum


@EACH
@pytest.mark.parametrize("size", [FIRST, FURTHER], ids=str)
def test_half_precision_sums_are_those_of_the_size(files: Any, network: str, size: tuple[int, int]) -> None:
    flexible, own = (open_model(files(network, each)["tflite-fp16"]) for each in (None, size))
    # Beyond what half precision holds, in an input that is too bright by far.
    bright = {"image": np.full((*size, 3), 1e6, np.float32)}
    found, wanted = (runtime.stress(bright) for runtime in (flexible, own))
    assert found is not None
    assert wanted is not None
    lost, expected = ({one.largest for one in each.lost if one.operation == "CONV_2D"} for each in (found, wanted))
    assert expected
    assert lost == expected
    sane = flexible.stress({"image": photo(size)})
    assert sane is not None
    assert not sane.lost


def test_one_runtime_takes_both_sizes_in_any_order(files: Any) -> None:
    runtime = open_model(files("small", None)["tflite-dynamic"])
    for size in (FURTHER, FIRST, FURTHER):
        fresh = open_model(files("small", None)["tflite-dynamic"])
        assert np.array_equal(runtime.stylize(photo(size)), fresh.stylize(photo(size)))


@pytest.mark.parametrize(("factors", "how"), [((2, 1), "nearest"), ((2, 2), "bilinear")])
def test_another_way_to_enlarge_is_refused(factors: tuple[int, int], how: str) -> None:
    import tf_keras as keras

    image = keras.Input((None, None, 3), name="image")
    model = keras.Model(image, keras.layers.UpSampling2D(factors, interpolation=how, name="stylized")(image))
    enlarged = [
        Signature(
            inputs=image_to_image(*size, "image", "stylized").inputs,
            outputs=image_to_image(size[0] * factors[0], size[1] * factors[1], "image", "stylized").outputs,
        )
        for size in (FIRST, FURTHER)
    ]
    with pytest.raises(ExportError, match=rf"enlarge by 2x{factors[1]} with {how}, in stylized.*Leave export"):
        flexible_files.without_sizes(model, Signature.flexible(enlarged))
