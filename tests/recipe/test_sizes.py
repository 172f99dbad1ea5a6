"""Several sizes in ``[export]``."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from export_pipeline.errors import RecipeError
from export_pipeline.recipe import Recipe, RecordedRecipe

SIZES = ["256x320", "640x480"]
FLEXIBLE = {"sizes": SIZES, "flexible": True}


def recipe(export: dict[str, Any], **other: Any) -> Recipe:
    return Recipe.parse({"export": {"targets": ["tflite-int8", "onnx-fp32"], **export}, **other})


def test_the_first_size_is_that_of_the_targets_and_the_others_stand_in_their_names() -> None:
    export = recipe({"sizes": SIZES}).export
    assert (export.height, export.width) == (256, 320)
    assert export.all_sides == ((256, 320), (640, 480))
    assert export.all_targets == ("tflite-int8", "onnx-fp32", "tflite-int8@640x480", "onnx-fp32@640x480")
    assert export.all_files == export.all_targets


def test_a_flexible_target_has_one_file_and_rows_at_every_size() -> None:
    export = recipe({**FLEXIBLE, "targets": ["aimodel-int8", "onnx-fp32"]}).export
    assert export.all_targets == ("aimodel-int8", "onnx-fp32", "aimodel-int8@640x480", "onnx-fp32@640x480")
    assert export.all_files == ("aimodel-int8", "onnx-fp32", "aimodel-int8@640x480")
    assert not recipe(FLEXIBLE).at("640x480").export.flexible


def test_a_recipe_at_one_of_its_sizes_is_of_that_alone() -> None:
    export = recipe({"sizes": SIZES}).at("640x480").export
    assert (export.height, export.width, export.sizes) == (640, 480, ())


def test_a_recipe_of_one_size_is_recorded_as_it_was_before_there_could_be_several() -> None:
    for data in ({}, {"height": 256, "width": 320}, {"sizes": []}):
        assert not {"sizes", "flexible"} & set(recipe(data).model_dump()["export"])
        assert "sizes" not in recipe(data).model_dump(mode="json")["export"]


@pytest.mark.parametrize("mode", ["json", "python"])
def test_the_record_of_several_is_read(mode: str) -> None:
    made = recipe({"sizes": SIZES})
    assert made.model_dump(mode=mode)["export"]["sizes"] in (tuple(SIZES), SIZES)
    assert "flexible" not in made.model_dump(mode=mode)["export"]
    for one in (made, recipe(FLEXIBLE)):
        assert TypeAdapter(RecordedRecipe).validate_python(one.model_dump(mode=mode)) == one


def test_limits_name_a_target_of_a_further_size() -> None:
    budgets = {"tflite-int8": {"bytes": 10}, "tflite-int8@640x480": {"bytes": 20}}
    made = recipe({"sizes": SIZES}, report={"budgets": budgets}, verify={"min_psnr": {"onnx-fp32@640x480": 50.0}})
    assert [row.bytes for row in made.report.budgets.values()] == [10, 20]


BAD: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"sizes": ["256"]}, {}, "'256' is no size; give height x width in pixels, such as '640x480'"),
    ({"sizes": ["0256x256"]}, {}, "'0256x256' is no size"),
    ({"sizes": [256]}, {}, "256 is no size"),
    ({"sizes": SIZES * 2}, {}, "name each once"),
    ({"sizes": SIZES, "height": 640}, {}, "height is 640, and the first of sizes 256x320; leave height out"),
    ({"sizes": ["30x64", "64x64"]}, {}, "30 is not a multiple of 4"),
    ({"sizes": ["64x64", "64x66"]}, {}, "66 is not a multiple of 4"),
    ({"sizes": ["64x64", "64x8000"]}, {}, "64x8000 has a side beyond 16 to 4096 pixels"),
    ({"sizes": ["8x64", "64x64"]}, {}, "export.height is 8: it must be greater than or equal to 16"),
    ({"sizes": SIZES}, {"report": {"budgets": {"tflite-int8@64x64": {"bytes": 1}}}}, "names tflite-int8@64x64, which"),
    ({"sizes": SIZES}, {"verify": {"min_psnr": {"tflite-int8@large": 1.0}}}, "unknown target 'tflite-int8@large'"),
    ({"sizes": ["256x256", "16x16"]}, {"model": {"rho": 0.5}}, "leaves less than 16 of the exported pixels a side"),
    ({"sizes": ["256x256", "16x64"]}, {"model": {"margin": 16}}, "an image is mirrored by less than its sides"),
    ({"flexible": True}, {}, "flexible is of files of several sizes; name them in sizes = ['640x480', '256x256']"),
    ({**FLEXIBLE, "targets": ["aimodel-int8"]}, {}, "no target has flexible files; leave it out, or add one of mlpa"),
    (FLEXIBLE, {"model": {"rho": 0.5}}, "model.rho is 0.5, and the sizes it scales to would be constants of the file"),
    (FLEXIBLE, {"report": {"budgets": {"onnx-fp32@640x480": {"bytes": 1}}}}, "which has the file of onnx-fp32 (expor"),
]


@pytest.mark.parametrize(("export", "other", "message"), BAD, ids=[message[:40] for *_, message in BAD])
def test_what_is_refused(export: dict[str, Any], other: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(export, **other)
    assert message in str(caught.value)


def test_every_size_of_a_unet_is_halved_without_rest() -> None:
    data = {"task": "segmentation", "train": {"images": "i", "masks": "m"}}
    with pytest.raises(RecipeError, match=r"export\.width is 68; a U-Net needs a multiple of 8"):
        Recipe.parse({**data, "export": {"sizes": ["64x64", "64x68"]}})


def test_a_network_of_ones_own_has_its_size() -> None:
    with pytest.raises(RecipeError, match=r"export\.sizes"):
        Recipe.parse({"task": "parity", "model": {"file": "a.keras"}, "export": {"sizes": SIZES}})


def test_flexible_files_are_of_style_transfer() -> None:
    data = {"task": "segmentation", "train": {"images": "i", "masks": "m"}}
    with pytest.raises(RecipeError, match="is of style_transfer; networks of segmentation have a file for each size"):
        Recipe.parse({**data, "export": FLEXIBLE})
    with pytest.raises(RecipeError, match="a network of your own has one; leave it out"):
        Recipe.parse({"task": "parity", "model": {"file": "a.keras"}, "export": {"flexible": True}})
