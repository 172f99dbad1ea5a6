"""Batch norm whose statistics are fixed before the end of a training, so that it ends as it will be exported."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from export_pipeline.errors import RecipeError
from export_pipeline.recipe import Recipe
from export_pipeline.train import Checkpoint, FineTuning, restored
from tests.small_training import fine_tuned, trained

Make = Callable[..., Recipe]
FROZEN_FROM_STEP_4 = {"steps": 8, "checkpoint_every": 4, "frozen_norm": 0.5}


def weights(checkpoint: Checkpoint, kind: str) -> np.ndarray:
    """Every weight of the checkpoint's network whose name has *kind*, one after the other."""
    return np.concatenate([w.numpy().ravel() for w in restored(checkpoint).weights if kind in w.name])


@pytest.fixture(scope="module")
def recipe(make_recipe: Make) -> Recipe:
    return make_recipe(model={"norm": "batch"}, train=FROZEN_FROM_STEP_4)


@pytest.fixture(scope="module")
def folder(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frozen") / "train"
    trained(recipe, folder)
    return folder


def test_statistics_stand_still_from_then_on_and_kernels_do_not(folder: Path) -> None:
    middle, end = (Checkpoint.open(folder / f"step-0000000{step}.safetensors") for step in (4, 8))
    np.testing.assert_array_equal(weights(middle, "moving"), weights(end, "moving"))
    assert np.abs(weights(middle, "kernel") - weights(end, "kernel")).max() > 1e-4
    assert set(np.unique(weights(middle, "moving_mean"))) != {0.0}  # they have moved before


def test_a_run_interrupted_where_they_freeze_ends_the_same(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    shutil.copy(folder / "step-00000004.safetensors", tmp_path / "train")
    _, checkpoint = trained(recipe, tmp_path / "train")
    assert checkpoint.sha256 == Checkpoint.open(folder / "step-00000008.safetensors").sha256


def test_fine_tuning_leaves_them_as_they_are(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    parent = Checkpoint.open(folder / "step-00000008.safetensors")
    model = restored(parent)
    tuned = fine_tuned(model, recipe, tmp_path, parent, FineTuning("prune", 3, 0.01))
    np.testing.assert_array_equal(weights(parent, "moving"), weights(tuned, "moving"))
    assert not np.array_equal(weights(parent, "kernel"), weights(tuned, "kernel"))


def test_instance_norm_has_none_to_freeze(make_recipe: Make) -> None:
    with pytest.raises(RecipeError, match=r"train\.frozen_norm is of batch norm.*model\.norm = 'batch'"):
        make_recipe(train={"frozen_norm": 0.5})
