"""One file of several sizes: at each it is the network, at others it is refused, and it holds nothing of any size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_pipeline.base.files import files_of
from export_pipeline.errors import EmulatorError, ExportError, ImageError
from export_pipeline.export import export
from export_pipeline.formats import Runtime, contents_of, interface_of, open_model, static
from export_pipeline.recipe import Recipe
from export_pipeline.records.signature import Port, Signature, image_to_image
from export_pipeline.targets import target_of
from export_pipeline.verify.metrics import parity
from tests.export import material

SIDES = [(64, 64), (32, 96), (100, 40), (64, 68), (128, 64)]
TARGETS = ["onnx-fp32", "mlpackage-int8", "tflite-fp16"]


@dataclass(frozen=True)
class Made:
    """A network, and its flexible files by target."""

    model: Any
    paths: dict[str, Path]
    runtimes: dict[str, Runtime]


def signature(sides: list[tuple[int, int]]) -> Signature:
    return Signature.flexible([image_to_image(*size, "image", "stylized") for size in sides])


def exported(model: Any, folder: Path) -> dict[str, Path]:
    sizes = [f"{height}x{width}" for height, width in SIDES]
    recipe = Recipe.parse({"name": "tiny", "export": {"targets": TARGETS, "sizes": sizes, "flexible": True}})
    first = image_to_image(*SIDES[0], "image", "stylized")
    found = export(model, recipe, first, folder, flexible=signature(SIDES))
    return {one.target: folder / one.file for one in found}


@pytest.fixture(scope="module", params=list(material.OF_SEVERAL_SIZES))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    model = material.filled(**material.OF_SEVERAL_SIZES[request.param])
    paths = exported(model, tmp_path_factory.mktemp(request.param))
    return Made(model, paths, {target: open_model(path) for target, path in paths.items()})


def photo(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width] / 40
    waves = [np.sin(5 * rows + 3 * columns), np.cos(4 * rows * columns), (rows * 3 % 1 > 0.5) - 0.5]
    return np.clip(127 + 110 * np.stack(waves, -1), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", SIDES, ids=str)
def test_it_is_the_network_at_every_size(made: Made, target: str, size: tuple[int, int]) -> None:
    image = photo(*size)
    wanted = made.model(image[None].astype(np.float32), training=False).numpy()[0]
    found = made.runtimes[target].infer({"image": image})["stylized"]
    numbers = parity([({"stylized": found}, {"stylized": wanted})], signature(SIDES).outputs)
    assert numbers["psnr"] is not None
    assert numbers["psnr"] >= target_of(target).tolerance.min_psnr


@settings(max_examples=25)
@given(st.tuples(st.integers(4, 40), st.integers(4, 40)).map(lambda size: (4 * size[0], 4 * size[1])))
def test_every_other_size_is_refused_and_the_allowed_ones_are_named(made: Made, size: tuple[int, int]) -> None:
    if size in SIDES:
        return
    for runtime in made.runtimes.values():
        for call in (lambda image, one=runtime: one.infer({"image": image}), runtime.stylize):
            with pytest.raises(ImageError) as caught:
                call(photo(*size))
            told = "64x64 or 32x96 or 100x40 or 64x68 or 128x64 (height x width); this one is "
            assert f"{told}{size[0]}x{size[1]}. Resize it first." in str(caught.value)


def test_predict_refuses_an_array_that_the_library_would_run(made: Made) -> None:
    runtime = made.runtimes["onnx-fp32"]
    assert runtime.predict({"image": photo(32, 96)})["stylized"].shape == (1, 32, 96, 3)
    with pytest.raises(ImageError, match="takes images of 64x64 or 32x96 or"):
        runtime.predict({"image": photo(96, 32)})


def test_core_ml_s_own_way_in_refuses_as_well(made: Made) -> None:
    from PIL import Image

    runtime = made.runtimes["mlpackage-int8"]
    assert runtime.predict({"image": Image.fromarray(photo(32, 96))})["stylized"].size == (96, 32)
    with pytest.raises(EmulatorError, match="1x3x64x64 or 1x3x32x96"):
        runtime.predict({"image": Image.fromarray(photo(96, 32))})


@pytest.mark.parametrize("target", TARGETS)
def test_its_metadata_and_its_ports_name_the_sizes(made: Made, target: str) -> None:
    interface = interface_of(made.paths[target])
    written = Signature.from_metadata(interface.metadata)
    assert written is not None
    assert written.sizes == tuple(SIDES)
    assert (written.inputs, written.outputs) == (interface.inputs, interface.outputs)
    assert written.size == SIDES[0]


def test_the_files_hold_nothing_of_a_size(made: Made) -> None:
    counts = {target: contents_of(path) for target, path in made.paths.items()}
    program = counts["mlpackage-int8"].operations
    assert not {"shape", "slice_by_index", "slice_by_size", "gather", "resize_nearest_neighbor"} & set(program)
    upsamplings = [layer for layer in made.model.layers if "UpSampling" in type(layer).__name__]
    assert program.get("upsample_nearest_neighbor", 0) == len(upsamplings)
    assert not {"SHAPE", "SLICE", "RESIZE_NEAREST_NEIGHBOR"} & set(counts["tflite-fp16"].operations)
    # Their work is that at the first size.
    fixed = static.at_size(made.model, image_to_image(*SIDES[0], "image", "stylized"))
    convolutions = [layer for layer in fixed.layers if "Conv2D" in type(layer).__name__]
    work = sum(np.prod(one.output.shape[1:3]) * np.prod(one.kernel.shape) for one in convolutions)
    assert {one.multiply_accumulates for one in counts.values()} == {work}


def test_two_exports_give_the_same_bytes(made: Made, tmp_path: Path) -> None:
    for target, path in exported(made.model, tmp_path).items():
        one, two = (
            {file.relative_to(root).as_posix(): file.read_bytes() for file in files_of(root)}
            for root in (made.paths[target], path)
        )
        assert one == two


def test_a_size_that_the_network_would_cut_at_is_refused() -> None:
    model = material.filled(network="small", alpha=0.1, blocks=0)
    with pytest.raises(ExportError, match=r"layer crop: at 30x64 it crops.*Leave export\.flexible out"):
        static.opened(model, signature([(64, 64), (30, 64)]))


def test_a_file_of_one_size_does_not_take_those_that_its_metadata_claim() -> None:
    from export_pipeline.formats.interface import described

    claimed = signature([(64, 64), (32, 96)])
    fixed = Port(name="image", shape=(1, 64, 64, 3)), Port(name="stylized", shape=(1, 64, 64, 3))
    found = described(claimed.metadata(), [fixed[0]], [fixed[1]])
    assert not found.inputs[0].sizes
    assert not found.inputs[0].accepts((1, 32, 96, 3))
