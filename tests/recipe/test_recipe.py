"""Recipes: what is taken, what is refused, and in which words."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import export_pipeline
from export_pipeline.errors import RecipeError
from export_pipeline.recipe import CLASSES, DEFAULT_TARGETS, Recipe, StyleModelTable, StyleTransferRecipe
from export_pipeline.recipe.schema import class_schema
from export_pipeline.recipe.style_transfer import LEAST_FILTERS
from export_pipeline.targets import TARGETS
from tests.recipe.strategies import valid_recipes

SHIPPED = sorted((Path(export_pipeline.__file__).parent / "recipes").glob("*.toml"))


@dataclasses.dataclass(frozen=True)
class Bad:
    """A recipe that is refused, and what the error must say."""

    toml: str
    said: tuple[str, ...]


BAD = [
    # unknown keys, with the near match
    Bad("[modell]\n", ("modell", "did you mean 'model'?")),
    Bad("[model]\nalhpa = 0.5", ("model.alhpa", "did you mean 'alpha'?")),
    Bad("[train]\nstep = 3", ("train.step", "did you mean 'steps'?")),
    Bad("[train]\nxyzzy = 3", ("train.xyzzy", "allowed:", "content_weight", "vgg_weights")),
    Bad("[compress]\nfinal_sparsty = 0.5", ("did you mean 'final_sparsity'?",)),
    Bad("[report.budgets.onnx-fp32]\nbites = 3", ("report.budgets.onnx-fp32.bites", "did you mean 'bytes'?")),
    # unknown values, with the near match
    Bad('[model]\nnetwork = "jonson"', ("model.network", "'jonson'", "did you mean 'johnson'?")),
    Bad('[model]\nnorm = "layer"', ("model.norm", "allowed: batch, instance")),
    Bad('[train]\ncontent_layer = "relu3_2"', ("train.content_layer", "did you mean 'relu3_1'?")),
    Bad('[compress]\nschedule = "polynomial"', ("compress.schedule", "did you mean 'polynomial_decay'?")),
    Bad(
        '[export]\ntargets = ["mlpackage-int4"]', ("unknown target 'mlpackage-int4'", "did you mean 'mlpackage-int8'?")
    ),
    Bad("[verify.min_psnr]\ntflite-fp61 = 3", ("unknown target", "did you mean 'tflite-fp16'?")),
    Bad("[train]\nshort_side = [2.0, 1.0]", ("train.short_side", "the least first")),
    Bad("[train]\nema = 1.0", ("train.ema",)),
    Bad("[train.polish]\nstesp = 3", ("train.polish.stesp", "did you mean 'steps'?")),
    Bad(
        '[verify]\njudge = "cached"\n[report.budgets.onnx-fp32]\nstyle_distance = 0.3',
        ("verify.judge is 'cached'", "onnx-fp32", "use 'always'"),
    ),
    Bad('[verify]\njudge = "cached"\n[compress.structured]\nrounds = 1', ("compress.structured",)),
    Bad("[report.budgets.onnx-fp23]\nbytes = 3", ("unknown target", "did you mean 'onnx-fp32'?")),
    # values out of range
    Bad("seed = -1", ("seed is -1", "greater than or equal to 0")),
    Bad("seed = 2147483648", ("seed is 2147483648", "less than 2147483648")),
    Bad('name = "Starry Night"', ("name is 'Starry Night'",)),
    Bad('name = ""', ("name is ''",)),
    Bad('name = "../up"', ("name is '../up'",)),
    Bad("[model]\nalpha = 0", ("model.alpha is 0", "greater than 0")),
    Bad("[model]\nalpha = 0.03", ("model.alpha is 0.03", "without filters", "0.03125 or more")),
    Bad("[model]\nrho = 0.05", ("model.rho leaves less than 16",)),
    Bad("[train]\nsteps = 0", ("train", "leaves a random network")),
    Bad("[train]\ncontent_weight = 0\nstyle_weight = 0", ("nothing to learn",)),
    Bad(
        '[export]\ntargets = ["onnx-fp32"]\n[report.budgets.mlmodel-int8]\nbytes = 10',
        ("report.budgets names mlmodel-int8", "does not make"),
    ),
    Bad("[model]\nrho = 1.5", ("model.rho is 1.5", "less than or equal to 1")),
    Bad("[model]\nblocks = -1", ("model.blocks is -1",)),
    Bad("[train]\ncrop = 16", ("train.crop is 16", "greater than or equal to 32")),
    Bad("[train]\nbatch_size = 0", ("train.batch_size is 0",)),
    Bad("[train]\nlearning_rate = 0", ("train.learning_rate is 0",)),
    Bad("[train]\nsteps = -5", ("train.steps is -5",)),
    Bad("[export]\nheight = 254", ("export.height is 254", "not a multiple of 4", "nearest: 256")),
    Bad("[export]\nwidth = 8192", ("export.width is 8192",)),
    Bad("[export]\ntargets = []", ("export.targets", "at least one target")),
    Bad('[export]\ntargets = ["onnx-fp32", "onnx-fp32"]', ("export.targets", "each once")),
    Bad("[report]\nruns = 29", ("report.runs is 29", "greater than or equal to 30")),
    Bad("[report.budgets.onnx-fp32]\nssim = 1.5", ("ssim is 1.5",)),
    Bad('[about]\nlicence = "MIT"', ("about.licence", "did you mean 'license'?")),
    Bad('[about]\nauthor = "two\\nlines"', ("about.author", "one line of printable characters")),
    Bad('[about]\nversion = ""', ("about.version is ''",)),
    Bad("[report.regression]\nbytes = 0.01", ("report.regression.release",)),
    Bad('[report.regression]\nrelease = "r"\nbytes = -0.01', ("report.regression.bytes is -0.01",)),
    Bad(
        '[report.regression]\nrelease = "r"\ncolour_distance = 0.1',
        ("colour_distance", "did you mean 'color_distance'?"),
    ),
    Bad('[report.regression]\nrelease = "r"\nmay_drop = ["onnx-fp23"]', ("'onnx-fp23'", "did you mean 'onnx-fp32'?")),
    Bad("[compress]\nfinal_sparsity = 0.5", ("compress", "no effect without schedule")),
    Bad("[compress]\nbits = 9", ("compress.bits is 9", "less than or equal to 8")),
    Bad('[compress]\nbits = 4\nplan = "plan.toml"', ("bits and plan say the same thing twice",)),
    Bad("[compress.structured]\nfilters = 0.3", ("filters has no effect without rounds",)),
    Bad("[compress.structured]\nstyle_distance = 0.3", ("style_distance has no effect without blocks or rounds",)),
    # values that do nothing, be they those that are taken anyway
    Bad("[compress.structured]\nsteps = 100", ("steps has no effect without blocks or rounds",)),
    Bad("[compress.structured]\nlearning_rate = 1e-3", ("learning_rate has no effect without blocks or rounds",)),
    Bad("[compress.structured]\nfilters = 0.1", ("filters has no effect without rounds; give it",)),
    Bad("[compress.structured]\nblocks = 1\nfilters = 0.1", ("filters has no effect without rounds; give it",)),
    Bad(
        "[compress]\nbits = 4\n[compress.cluster]\nlearning_rate = 1e-4",
        ("compress: learning_rate has no effect without steps in cluster; give at least 1",),
    ),
    Bad('[compress.cluster]\nsensitivity = "none"', ("cluster has no effect without bits",)),
    Bad(
        "[compress]\nfinal_sparsity = 0.5\nsteps = 0\nlayers = {out_conv = 0.5}",
        ("final_sparsity, layers, steps has no effect without schedule; give polynomial_decay, constant or none",),
    ),
    Bad("[compress.cluster]\nsteps = 10", ("cluster has no effect without bits, plan or weight_bytes",)),
    Bad('[compress]\nschedule = "constant"\nsteps = 100\nlayers = {a = 1.0}', ("a is 1.0; a sparsity is 0 or more",)),
    Bad(
        '[compress]\nschedule = "constant"\nsteps = 100\ninitial_sparsity = 0.1',
        ("initial_sparsity has no effect with a constant schedule",),
    ),
    Bad('[export]\ntargets = ["mlpackage-joint"]', ("mlpackage-joint, which needs compress.bits",)),
    Bad('[export]\ntargets = ["mlpackage-sparse"]', ("mlpackage-sparse, which needs compress.schedule",)),
    Bad('[compress]\nschedule = "constant"\nfinal_sparsity = 1.0', ("compress.final_sparsity is 1.0",)),
    # values that contradict each other
    Bad(
        '[compress]\nschedule = "constant"\nbegin_step = 9\nend_step = 9\nsteps = 20',
        ("end_step 9 must be above begin_step 9",),
    ),
    Bad('[compress]\nschedule = "constant"\nend_step = 30\nsteps = 20', ("steps 20 must be at least end_step 30",)),
    Bad(
        '[compress]\nschedule = "polynomial_decay"\nsteps = 100\ninitial_sparsity = 0.6\nfinal_sparsity = 0.5',
        ("initial_sparsity 0.6 is above final_sparsity 0.5",),
    ),
    # values of another type are not turned into the right one
    Bad('[model]\nalpha = "0.5"', ("model.alpha is '0.5'", "valid number")),
    Bad("[model]\nalpha = true", ("model.alpha is True", "valid number")),
    Bad("[train]\nsteps = 1.0", ("train.steps is 1.0", "valid integer")),
    Bad("[train]\nsteps = 1979-05-27", ("train.steps", "valid integer")),
    Bad("seed = true", ("seed is True",)),
    Bad("name = 3", ("name is 3", "valid string")),
    Bad("model = 3", ("model is 3",)),
    Bad("[train]\nstyle = [1]", ("train.style", "valid string")),
    Bad('[export]\ntargets = "onnx-fp32"', ("export.targets",)),
    # numbers that limit nothing
    Bad("[model]\nalpha = nan", ("model.alpha is nan", "finite")),
    Bad("[train]\nstyle_weight = inf", ("train.style_weight is inf", "finite")),
    Bad("[verify.min_psnr]\nonnx-fp32 = nan", ("verify.min_psnr.onnx-fp32 is nan", "finite")),
    Bad("[report.budgets.onnx-fp32]\nstyle_distance = inf", ("style_distance is inf", "finite")),
    # not TOML
    Bad("[model", ("is not a TOML recipe", "Expected ']'")),
    Bad("seed = 1\nseed = 2", ("is not a TOML recipe",)),
]


@pytest.mark.parametrize(
    "compress",
    [
        'schedule = "none"\nfinal_sparsity = 0.5\nsteps = 100',
        "bits = 4\ncluster = {steps = 0, learning_rate = 1e-4}",
        "structured = {rounds = 0, filters = 0.2, steps = 10}",
        "structured = {rounds = 1, steps = 0, learning_rate = 1e-3}",
    ],
)
def test_what_is_turned_off_on_purpose_may_keep_its_settings(compress: str, tmp_path: Path) -> None:
    """As the points of a sweep have them that compare something with nothing."""
    (tmp_path / "off.toml").write_text(f"[compress]\n{compress}")
    assert not Recipe.load(tmp_path / "off.toml").compress.prunes


@pytest.mark.parametrize("bad", BAD, ids=[bad.toml.replace("\n", " ") for bad in BAD])
def test_a_bad_recipe_is_refused_in_clear_words(bad: Bad, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(bad.toml)
    with pytest.raises(RecipeError) as caught:
        Recipe.load(file)
    message = str(caught.value)
    assert str(file) in message
    for part in bad.said:
        assert part in message
    assert caught.value.exit_code == 2


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.parse({"seed": -1, "model": {"rho": 2.0, "netwrok": "small"}, "train": {"crop": 1}})
    message = str(caught.value)
    assert message.count("recipe:") == 1
    assert "\n" not in message
    for key in ("seed", "model.rho", "model.netwrok", "train.crop"):
        assert key in message


def test_a_file_that_is_missing_a_folder_or_binary_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "model.tflite"
    binary.write_bytes(bytes(range(256)))
    for path, said in (
        (tmp_path / "none.toml", "No such file"),
        (tmp_path, "Is a directory"),
        (binary, "not a TOML recipe"),
    ):
        with pytest.raises(RecipeError, match=said):
            Recipe.load(path)


def test_alpha_is_refused_exactly_where_a_layer_loses_its_filters() -> None:
    least = 1 / LEAST_FILTERS
    assert Recipe.parse({"model": {"alpha": least}}).model.alpha == least
    with pytest.raises(RecipeError, match="without filters"):
        Recipe.parse({"model": {"alpha": math.nextafter(least, 0)}})


def test_a_recipe_cannot_be_changed() -> None:
    recipe = StyleTransferRecipe()
    with pytest.raises(ValueError, match="frozen"):
        recipe.train.steps = 5  # type: ignore[misc]


def test_the_networks_and_norms_are_those_of_models() -> None:
    from export_pipeline import models

    networks = [
        name
        for task, kind in CLASSES.items()
        if task != "parity"  # its network comes in a file
        for name in class_schema(kind)["properties"]["model"]["properties"]["network"]["enum"]
    ]
    assert sorted(networks) == sorted(models.NETWORKS)
    fields = StyleModelTable.model_json_schema()["properties"]
    assert set(fields["norm"]["enum"]) == set(models.NORMS)


def test_targets_are_formats_and_precisions_each_once() -> None:
    assert len(TARGETS) == 15
    assert StyleTransferRecipe().export.targets == DEFAULT_TARGETS == tuple(TARGETS)[:7]
    assert all(len(target.split("-")) == 2 for target in TARGETS)


BITS, ZEROS = {"bits": 4}, {"schedule": "constant", "steps": 100}
TABLES, MASK = ("mlpackage-palettized", "mlmodel-palettized"), ("mlpackage-sparse",)


@pytest.mark.parametrize(
    ("compress", "more"),
    [
        ({}, ()),
        ({"structured": {"rounds": 1}}, ()),
        (BITS, TABLES),
        ({"plan": "plan.toml"}, TABLES),
        ({"weight_bytes": 5000}, TABLES),
        (ZEROS, MASK),
        ({**BITS, **ZEROS}, (*TABLES, *MASK, "mlpackage-joint")),
    ],
)
@pytest.mark.parametrize("export", [None, {"height": 64}])
def test_without_targets_a_recipe_makes_what_carries_its_tables_and_zeros(
    compress: dict[str, Any], more: tuple[str, ...], export: dict[str, int] | None
) -> None:
    recipe = Recipe.parse({"compress": compress, **({"export": export} if export else {})})
    assert recipe.export.targets == (*DEFAULT_TARGETS, *more)
    assert StyleTransferRecipe.model_validate_json(recipe.model_dump_json()) == recipe
    Recipe.parse({"compress": compress, "verify": {"min_psnr": dict.fromkeys(more, 30.0)}})
    named = Recipe.parse({"compress": compress, "export": {"targets": ["onnx-fp32"]}})
    assert named.export.targets == ("onnx-fp32",)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_recipe_loads(path: Path) -> None:
    recipe = Recipe.load(path)
    assert type(recipe).model_validate_json(recipe.model_dump_json()).model_dump() == recipe.model_dump()


def test_recipes_are_shipped() -> None:
    assert {path.stem for path in SHIPPED} >= {"demo", "starry_night_small"}
    names = [Recipe.load(path).name for path in SHIPPED]
    assert len(set(names)) == len(names)


# Round trip


@given(valid_recipes())
def test_any_valid_recipe_survives_json(data: dict[str, Any]) -> None:
    recipe = Recipe.parse(data)
    again = StyleTransferRecipe.model_validate_json(recipe.model_dump_json())
    assert again == recipe
    assert again.model_dump_json() == recipe.model_dump_json()


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text(), min_size=1))
def test_whatever_is_written_is_a_recipe_or_a_recipe_error(data: dict[str, Any]) -> None:
    for document in (
        data,
        {"train": data},
        {"report": {"budgets": {"onnx-fp32": data}}},
        {"verify": {"min_psnr": data}},
    ):
        with contextlib.suppress(RecipeError):
            Recipe.parse(document)
