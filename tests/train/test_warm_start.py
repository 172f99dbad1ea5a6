"""Trainings that begin with the weights of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export_pipeline.base.images import load_image
from export_pipeline.errors import CheckpointError, RecipeError
from export_pipeline.recipe import Recipe
from export_pipeline.stage_adapters import checked_task
from export_pipeline.tasks.style_transfer import StyleTransfer
from export_pipeline.train import export_checkpoint, provenance, train, with_warm_start
from export_pipeline.train.checkpoint import CheckpointInfo, save
from tests.small_training import picture, trained
from tests.train import test_fit
from tests.train.test_fit import Done, Make, same_weights

done = test_fit.done


def taken_over(done: Done, **tables: Any) -> Recipe:
    """A recipe that names the network and nothing of what it was trained to."""
    train = {"warm_start": str(done.checkpoint.path), "steps": 0, **tables.pop("train", {})}
    return Recipe.parse({"train": train, "export": {"height": 48, "width": 48}, **tables})


def test_a_warm_start_of_no_steps_is_the_network_it_started_from(done: Done, make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(train={"warm_start": str(done.checkpoint.path), "steps": 0})
    model, checkpoint = trained(recipe, tmp_path / "train")
    assert same_weights(model, done.model)
    assert checkpoint == done.checkpoint
    assert list(tmp_path.iterdir()) == []


def test_a_network_taken_over_keeps_its_style_its_losses_and_its_lineage(
    done: Done, make_recipe: Make, tmp_path: Path
) -> None:
    task = checked_task(taken_over(done))
    made, kept = make_recipe().train, task.recipe.train
    assert (kept.style, kept.style_size, kept.content_weight) == (made.style, made.style_size, made.content_weight)
    assert (kept.crop, kept.batch_size, kept.short_side) == (made.crop, made.batch_size, made.short_side)
    assert kept.content == "builtin"  # photographs are the recipe's own
    assert isinstance(task, StyleTransfer)
    np.testing.assert_array_equal(task.style, load_image(made.style))
    found = train(task, tmp_path)
    shipped = export_checkpoint(tmp_path / "shipped", found.model, found, task.recipe, steps=0)
    told = provenance(shipped)
    assert told["parent_sha256"] == done.checkpoint.sha256
    assert told["steps"] == str(done.checkpoint.info.step)
    for name, value in done.checkpoint.info.fingerprint.items():
        assert told[name] == value


def test_what_a_warm_start_brings_must_go_together_with_what_the_recipe_names(done: Done, tmp_path: Path) -> None:
    info = done.checkpoint.info
    train = info.recipe.train.model_copy(update={"crop": 128, "style_scales": 3})
    recipe = info.recipe.model_copy(update={"train": train})
    weights = tmp_path / "at_three_sizes.safetensors"
    save(weights, info.model_copy(update={"recipe": recipe}), done.model.weights)
    assert with_warm_start(taken_over(done, train={"warm_start": str(weights)})).train.crop == 128
    small = taken_over(done, train={"warm_start": str(weights), "crop": 32})
    with pytest.raises(RecipeError, match=r"(?s)style_scales 3, crop 32.*style_scales.*at_three_sizes.*name them"):
        with_warm_start(small)


def test_fine_tuning_after_a_polish_goes_on_through_vgg19(make_recipe: Make) -> None:
    polished = make_recipe(train={"polish": {"steps": 2}}).train
    own = Recipe.parse({"train": {"warm_start": "a", "steps": 0}}).train
    assert own.taking_over(polished).loss_network == "vgg19"
    assert own.taking_over(polished).polish is None
    named = Recipe.parse({"train": {"warm_start": "a", "steps": 0, "loss_network": "distilled"}}).train
    assert named.taking_over(polished).loss_network == "distilled"


@pytest.mark.parametrize("there", ["nothing", "another image"])
def test_a_style_that_is_not_known_is_skipped_and_never_another(
    done: Done, there: str, tmp_path: Path, material: Path
) -> None:
    weights = tmp_path / "moved.safetensors"
    style = tmp_path / "style.png"
    info = done.checkpoint.info
    moved = info.recipe.model_copy(update={"train": info.recipe.train.model_copy(update={"style": str(style)})})
    save(weights, info.model_copy(update={"recipe": moved}), done.model.weights)
    if there != "nothing":
        Image.fromarray(picture(1, 80, 80)).save(style)
    task = checked_task(taken_over(done, train={"warm_start": str(weights)}))
    reason = task.evaluator()
    assert isinstance(reason, str)
    assert "moved.safetensors was trained on" in reason
    assert "name that image in train.style" in reason
    assert task.reference_picture(task.shown()[0]) is None
    named = checked_task(taken_over(done, train={"warm_start": str(weights), "style": str(material / "style.png")}))
    assert named.reference_picture(named.shown()[0]) is not None


@pytest.mark.parametrize(
    "needing",
    [
        {"report": {"budgets": {"onnx-fp32": {"covariance_distance": 0.7}}}, "export": {"targets": ["onnx-fp32"]}},
        {"compress": {"schedule": "constant", "final_sparsity": 0.5, "end_step": 2, "steps": 2}},
    ],
)
def test_what_needs_a_style_is_refused_where_it_is_not_known(
    done: Done, needing: dict[str, Any], tmp_path: Path
) -> None:
    weights = tmp_path / "old.safetensors"
    info = CheckpointInfo(stage="train", step=12, recipe=done.checkpoint.info.recipe)
    save(weights, info, done.model.weights)
    with pytest.raises(RecipeError, match=r"cannot do without the style: .* does not tell which image"):
        checked_task(taken_over(done, train={"warm_start": str(weights)}, **needing))


def test_another_style_that_is_named_is_said(done: Done, tmp_path: Path) -> None:
    Image.fromarray(picture(1, 80, 80)).save(tmp_path / "other.png")
    with pytest.warns(UserWarning, match="not the image that .* was trained on"):
        task = checked_task(taken_over(done, train={"style": str(tmp_path / "other.png")}))
    assert task.reference_picture(task.shown()[0]) is not None


def test_a_segmentation_network_keeps_its_pictures_and_masks() -> None:
    made = Recipe.parse({"task": "segmentation", "train": {"images": "mni152", "masks": "white_matter", "alpha": 0.6}})
    own = Recipe.parse({"task": "segmentation", "train": {"warm_start": "a", "steps": 0}}).train
    kept = own.taking_over(made.train)
    assert (kept.images, kept.masks, kept.alpha) == ("mni152", "white_matter", 0.6)
    named = {"warm_start": "a", "steps": 0, "images": "mni152", "masks": "grey_matter"}
    assert Recipe.parse({"task": "segmentation", "train": named}).train.taking_over(made.train).masks == "grey_matter"


def test_a_warm_start_needs_the_same_network(done: Done, make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(model={"alpha": 0.1}, train={"warm_start": str(done.checkpoint.path)})
    with pytest.raises(CheckpointError, match="another network: its model tensors do not fit"):
        trained(recipe, tmp_path / "train")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", [{"margin": 8}, {"rho": 0.5}])
def test_a_training_may_begin_from_a_network_of_another_margin_or_resolution(
    done: Done, make_recipe: Make, tmp_path: Path, other: dict[str, Any]
) -> None:
    recipe = make_recipe(
        model=other, train={"warm_start": str(done.checkpoint.path), "steps": 1, "learning_rate": 1e-12}
    )
    assert with_warm_start(recipe).model == recipe.model != done.checkpoint.info.recipe.model
    model, checkpoint = trained(recipe, tmp_path / "train")
    assert checkpoint.info.recipe.model == recipe.model
    for own, before in zip(model.get_weights(), done.model.get_weights(), strict=True):
        np.testing.assert_allclose(own, before, atol=1e-6)


def test_a_network_that_is_taken_over_keeps_its_margin(done: Done, make_recipe: Make) -> None:
    recipe = make_recipe(model={"margin": 8}, train={"warm_start": str(done.checkpoint.path), "steps": 0})
    with pytest.raises(CheckpointError, match="margin is 0 there and 8 in the recipe"):
        with_warm_start(recipe)


def test_a_warm_start_that_is_not_there(make_recipe: Make, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        trained(make_recipe(train={"warm_start": "/none.safetensors"}), tmp_path / "train")


def test_another_seed_gives_another_network(done: Done, make_recipe: Make, tmp_path: Path) -> None:
    """The same one gives the same network: see the tests of interrupted runs."""
    model, _ = trained(make_recipe(seed=1), tmp_path / "train")
    assert not same_weights(model, done.model)
