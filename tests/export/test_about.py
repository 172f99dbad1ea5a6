"""Author, licence, version and description of a recipe stand in every format, and change nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from export_pipeline.export import export, pictures
from export_pipeline.formats import interface_of
from export_pipeline.recipe import Recipe
from export_pipeline.records.signature import METADATA_KEY, image_to_image
from export_pipeline.train.checkpoint import deciding
from tests.small_models import HEIGHT, RECIPE, WIDTH, exported, photographs

ABOUT = {"author": "A. Painter", "license": "CC-BY-4.0", "version": "1.4.0", "description": "Paints like <her> & him."}
TARGETS = ("mlmodel-int8", "mlpackage-fp16", "tflite-fp16", "onnx-fp32")


def recipe(about: dict[str, str]) -> Recipe:
    data = RECIPE.model_dump()
    return Recipe.parse({**data, "about": about, "export": {**data["export"], "targets": TARGETS}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("about")
    signature = image_to_image(HEIGHT, WIDTH, "image", "stylized")
    made = export(exported().network, recipe(ABOUT), signature, path, pictures(signature, photographs()))
    assert [model.target for model in made] == list(TARGETS)
    return path


@pytest.mark.parametrize("target", TARGETS)
def test_each_format_tells_of_it(target: str, folder: Path) -> None:
    name = exported().path(target).name
    plain, told = interface_of(exported().path(target)), interface_of(folder / name)
    short = {"short_description": ABOUT["description"]} if target.startswith("ml") else {}
    expected = {**ABOUT, **short}
    if short:
        del expected["description"]
    assert {key: told.metadata[key] for key in expected} == expected
    assert told.metadata[METADATA_KEY] == plain.metadata[METADATA_KEY]
    assert "license" not in plain.metadata
    assert (told.inputs, told.outputs) == (plain.inputs, plain.outputs)


def test_it_does_not_decide_what_is_trained() -> None:
    assert deciding(recipe(ABOUT), "train") == deciding(recipe({}), "train")
