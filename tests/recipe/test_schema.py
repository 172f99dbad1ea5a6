"""The JSON Schemas and the page of keys: current, complete, and as strict as the tables they are made from."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given

from export_pipeline.recipe import CLASSES, DistillRecipe, Recipe, StyleTransferRecipe, Table
from export_pipeline.recipe.page import PAGE, page
from export_pipeline.recipe.schema import KINDS, class_schema, schema, schema_file, schema_text
from export_pipeline.verbs.common import SHIPPED
from tests.builds import ROOT
from tests.recipe.strategies import valid_recipes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EACH = pytest.mark.parametrize("kind", KINDS)
CHECKS = {kind: jsonschema.Draft7Validator(schema(kind)) for kind in KINDS}
BUILDS = [*SHIPPED.glob("*.toml"), *(ROOT / "artifacts" / "loss_network" / "style_networks").glob("*.toml")]


def toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


@EACH
def test_a_schema_is_current_and_a_schema(kind: str) -> None:
    assert schema_file(kind).read_text("utf-8") == schema_text(kind), "run: make schemas"
    jsonschema.Draft7Validator.check_schema(schema(kind))


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: make schemas"


def tables(table: Any) -> Iterator[type[Table]]:
    """*table* and every table inside of it."""
    if isinstance(table, type) and issubclass(table, Table):
        yield table
        for field in table.model_fields.values():
            yield from tables(field.annotation)
    for argument in get_args(table):
        yield from tables(argument)


@pytest.mark.parametrize("table", [table for kind in (*CLASSES.values(), DistillRecipe) for table in tables(kind)])
def test_every_key_is_described_and_on_the_page(table: type[Table]) -> None:
    shown = page()
    for name, field in table.model_fields.items():
        assert field.description, f"{table.__name__}.{name}"
        assert f"`{name}`" in shown or f"{name}]" in shown or f"{name}.TARGET]" in shown


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(inner)
    if isinstance(node, dict):
        yield node


@EACH
def test_no_reference_hides_a_description_from_an_editor(kind: str) -> None:
    assert not [node for node in nodes(schema(kind)) if "$ref" in node]
    choices = [
        node["anyOf"] for node in nodes(schema(kind)) if "anyOf" in node
    ]  # a name from a list, or like one of it
    assert all(set().union(*choice) == {"enum", "pattern"} for choice in choices)
    for node in nodes(schema(kind)):
        for key, value in node.get("properties", {}).items():
            assert value["description"], key


@pytest.mark.parametrize("recipe", CLASSES.values(), ids=CLASSES)
def test_targets_are_completed(recipe: type[Recipe]) -> None:
    properties = class_schema(recipe)["properties"]
    targets = properties["export"]["properties"]["targets"]["items"]["enum"]
    assert "mlpackage-int8" in targets
    assert properties["verify"]["properties"]["min_psnr"]["propertyNames"]["anyOf"][0]["enum"] == targets
    assert properties["report"]["properties"]["budgets"]["propertyNames"]["anyOf"][0]["enum"] == targets


@pytest.mark.parametrize("path", BUILDS, ids=lambda path: path.stem)
def test_a_recipe_of_ours_follows_the_schema(path: Path) -> None:
    CHECKS["recipe"].validate(toml(path))


def test_the_recipe_of_the_loss_network_follows_the_schema() -> None:
    CHECKS["distill"].validate(toml(ROOT / "artifacts" / "loss_network" / "recipe.toml"))


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_recipe_names_its_schema_to_editors(path: Path) -> None:
    directive, name = path.read_text("utf-8").splitlines()[0].split()
    assert directive == "#:schema"
    assert (path.parent / name).resolve() == schema_file("recipe").resolve()


def without_none(data: Any) -> Any:
    """*data* as TOML can hold it."""
    if isinstance(data, dict):
        return {key: without_none(value) for key, value in data.items() if value is not None}
    return data


@given(valid_recipes())
def test_whatever_is_a_recipe_follows_the_schema(data: dict[str, Any]) -> None:
    CHECKS["recipe"].validate(without_none(data))


def test_the_defaults_follow_the_schema_and_are_those_of_the_tables() -> None:
    needed = {"parity": {"model": {"file": "network.keras"}}}
    builds = [("recipe", Recipe.parse({"task": task, **needed.get(task, {})})) for task in CLASSES]
    for kind, recipe in (*builds, ("distill", DistillRecipe())):
        whole = json.loads(recipe.model_dump_json())
        CHECKS[kind].validate(without_none({**whole, "phases": [{"steps": 1}]} if kind == "distill" else whole))
        properties = class_schema(type(recipe))["properties"]
        told = {key: node["default"] for key, node in properties.items() if "default" in node}
        assert told == {key: whole[key] for key in told}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[modell]", "'modell' was unexpected"),
        ("[model]\nalfa = 0.3", "'alfa' was unexpected"),
        ("[model]\nalpha = 0.03", "0.03 is less than the minimum"),
        ('[model]\nalpha = "0.5"', "is not of type 'number'"),
        ('[model]\nnetwork = "jonson"', "'jonson' is not one of"),
        ("[train]\nlearning_rate = 0", "less than or equal to the minimum"),
        ("[train]\nshort_side = [0.5, 2.0]", "0.5 is less than the minimum"),
        ("[train]\nshort_side = [1.0]", "is too short"),
        ("[train.polish]\nbatch_size = 1", "'steps' is a required property"),
        ("[compress]\nbits = 9", "9 is greater than the maximum"),
        ("[compress.layers]\nout_conv = 1.0", "1.0 is greater than or equal to the maximum"),
        ("[export]\nheight = 254", "254 is not a multiple of 4"),
        ('[export]\ntargets = ["onnx-fp23"]', "'onnx-fp23' is not one of"),
        ("[export]\ntargets = []", "non-empty|too short"),
        ('[export]\ntargets = ["onnx-fp32", "onnx-fp32"]', "non-unique"),
        ("[verify.min_psnr]\ntflite-fp61 = 30", "'tflite-fp61' is not valid under any of the given schemas"),
        ("[report.budgets.onnx-fp32]\nbites = 3", "'bites' was unexpected"),
    ],
)
def test_the_schema_refuses_what_the_recipe_refuses(text: str, said: str) -> None:
    with pytest.raises(jsonschema.ValidationError, match=said):
        CHECKS["recipe"].validate(tomllib.loads(text))
    with pytest.raises(ValueError, match=r".+"):
        StyleTransferRecipe.model_validate(tomllib.loads(text))


@pytest.mark.parametrize("text", ["phases = []", "checkpoint_every = 0", "[[phases]]\ncrop = 128", "widht = 0.5"])
def test_the_schema_of_distillations_refuses_what_they_refuse(text: str) -> None:
    assert not CHECKS["distill"].is_valid(tomllib.loads(text))
    with pytest.raises(ValueError, match=r".+"):
        DistillRecipe.model_validate(tomllib.loads(text))


def test_a_range_is_told_in_words() -> None:
    rows = {
        line.split("`")[1]: line
        for line in page().split("## `build`, task `style_transfer`")[1].split("\n## ")[0].splitlines()
        if line.startswith("| `")
    }
    assert "| number | 0.03125 to 4 | `0.3` |" in rows["alpha"]
    assert "| integer | 16 to 4,096, a multiple of 4 | `256` |" in rows["height"]
    assert "| list of numbers | 1 to 8, 2 of them | `[1.0, 2.0]` |" in rows["short_side"]
    assert "| number | 0 or more, below 1 | `0.5` |" in rows["final_sparsity"]
    assert '| text | `instance`, `batch` | `"instance"` |' in rows["norm"]
    assert "| number by target | any | - |" in rows["min_psnr"]
