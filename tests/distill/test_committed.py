"""The loss network that comes along, and what it was made of."""

from __future__ import annotations

from export_pipeline import coding
from export_pipeline.base.files import sha256
from export_pipeline.distill import Distilled
from export_pipeline.perception.loss_network import DISTILLED
from export_pipeline.recipe import Recipe
from export_pipeline.recipe.distill import DistillRecipe
from tests.imports import ROOT

FOLDER = ROOT / "artifacts/loss_network"


def record() -> Distilled:
    return Distilled.model_validate_json((FOLDER / "distilled.json").read_text())


def test_the_committed_network_is_the_one_of_its_record() -> None:
    assert record().student.sha256 == sha256(DISTILLED)
    assert record().log[-1]["step"] == record().recipe.steps
    found = coding.read(FOLDER / "distilled-slimmed.weights")
    assert not [name for name in found if name.endswith("_embedding")]


def test_the_record_is_of_the_recipe_beside_it() -> None:
    assert record().recipe.model_dump() == DistillRecipe.load(FOLDER / "recipe.toml").model_dump()


def test_the_committed_style_networks_are_those_of_their_recipes() -> None:
    from export_pipeline.train import Checkpoint

    recipe = DistillRecipe.load(FOLDER / "recipe.toml")
    paths = {recipe.path(named).resolve() for named in recipe.style_networks}
    own = set((FOLDER / "style_networks").glob("*.safetensors"))
    assert own
    assert own == paths
    assert record().style_networks == {
        named: Checkpoint.open(recipe.path(named)).sha256 for named in recipe.style_networks
    }
    for path in own:
        made, asked = Checkpoint.open(path).info, Recipe.load(path.with_suffix(".toml"))
        assert (made.recipe.train, made.recipe.model) == (asked.train, asked.model)
        assert made.step >= asked.train.steps  # more where it was polished or pruned
