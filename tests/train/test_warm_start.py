"""Trainings that begin with the weights of another."""

from __future__ import annotations

from pathlib import Path

import pytest

from export_pipeline.errors import CheckpointError
from tests.small_training import trained
from tests.train import test_fit
from tests.train.test_fit import Done, Make, same_weights

done = test_fit.done


def test_a_warm_start_of_no_steps_is_the_network_it_started_from(done: Done, make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(train={"warm_start": str(done.checkpoint.path), "steps": 0})
    model, checkpoint = trained(recipe, tmp_path / "train")
    assert same_weights(model, done.model)
    assert checkpoint.info.step == 0
    assert checkpoint.info.parent_sha256 == done.checkpoint.sha256


def test_a_warm_start_needs_the_same_network(done: Done, make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(model={"alpha": 0.1}, train={"warm_start": str(done.checkpoint.path)})
    with pytest.raises(CheckpointError, match="another network: its model tensors do not fit"):
        trained(recipe, tmp_path / "train")
    assert list(tmp_path.iterdir()) == []


def test_a_warm_start_that_is_not_there(make_recipe: Make, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        trained(make_recipe(train={"warm_start": "/none.safetensors"}), tmp_path / "train")


def test_another_seed_gives_another_network(done: Done, make_recipe: Make, tmp_path: Path) -> None:
    """The same one gives the same network: see the tests of interrupted runs."""
    model, _ = trained(make_recipe(seed=1), tmp_path / "train")
    assert not same_weights(model, done.model)
