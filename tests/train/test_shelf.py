"""Checkpoints of another recipe are put aside, and come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.recipe import Recipe
from export_pipeline.train.checkpoint import CheckpointFolder, CheckpointInfo
from export_pipeline.train.shelf import Shelf

Make = Callable[..., Recipe]


class Variable:
    """What a checkpoint is saved from."""

    def numpy(self) -> np.ndarray:
        return np.zeros(3, np.float32)


def info(recipe: Recipe, step: int = 0, **other: Any) -> CheckpointInfo:
    return CheckpointInfo.model_validate({"stage": "train", "recipe": recipe, "step": step, **other})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_another_run_goes_to_the_shelf_and_comes_back(make_recipe: Make, tmp_path: Path) -> None:
    said: list[str] = []
    at, shelf = tmp_path / "train", Shelf(tmp_path / "kept", said.append)
    first, second = info(make_recipe()), info(make_recipe(train={"crop": 40}))
    assert shelf.latest(at, first, 12) is None
    made = CheckpointFolder(at).save(info(make_recipe(), step=12), [Variable()], [])
    assert shelf.latest(at, first, 12) == made
    assert shelf.latest(at, second, 12) is None
    assert said == ["train: anew, for train.crop is 36 there and 40 here"]
    assert not at.exists()
    assert len(names(tmp_path / "kept")) == 1
    CheckpointFolder(at).save(info(make_recipe(train={"crop": 40}), step=4), [Variable()], [])
    assert shelf.latest(at, first, 12) == made
    assert said[-1] == "train: what was done for such a recipe before is taken up again"
    assert len(names(tmp_path / "kept")) == 1


def test_a_run_goes_on_to_more_steps_and_not_back_to_fewer(make_recipe: Make, tmp_path: Path) -> None:
    said: list[str] = []
    at, shelf = tmp_path / "train", Shelf(tmp_path / "kept", said.append)
    made = CheckpointFolder(at).save(info(make_recipe(), step=12), [Variable()], [])
    assert shelf.latest(at, info(make_recipe(train={"steps": 20})), 20) == made
    assert shelf.latest(at, info(make_recipe(train={"steps": 8})), 8) is None
    assert said == ["train: anew, for it has gone on for 12 steps, and 8 are asked for"]


def test_what_lies_on_the_shelf_of_a_version_with_fewer_keys_is_found(make_recipe: Make, tmp_path: Path) -> None:
    said: list[str] = []
    at, shelf = tmp_path / "train", Shelf(tmp_path / "kept", said.append)
    made = CheckpointFolder(at).save(info(make_recipe(), step=12), [Variable()], [])
    assert shelf.latest(at, info(make_recipe(seed=1)), 12) is None
    (put,) = (tmp_path / "kept").iterdir()
    put.rename(put.with_name("train-0123456789abcdef"))  # such a recipe had another hash
    (tmp_path / "kept" / "train-damaged").mkdir()
    (tmp_path / "kept" / "train-damaged" / "step-00000001.safetensors").write_bytes(b"x")
    assert shelf.latest(at, info(make_recipe(seed=2)), 12) is None
    assert shelf.latest(at, info(make_recipe()), 12) == made
    assert said[-1] == "train: what was done for such a recipe before is taken up again"


def test_a_run_of_another_task_is_another_run(make_recipe: Make, tmp_path: Path) -> None:
    said: list[str] = []
    at, shelf = tmp_path / "train", Shelf(tmp_path / "kept", said.append)
    CheckpointFolder(at).save(info(make_recipe(), step=12), [Variable()], [])
    photographs = {"train": {"images": "images", "masks": "masks"}}
    assert shelf.latest(at, info(Recipe.parse({"task": "segmentation", **photographs})), 12) is None
    assert said == ["train: anew, for its task is style_transfer, not segmentation"]


@pytest.mark.parametrize("bits", [{"a": 3}, {"b": 2}])
def test_an_edited_plan_is_another_run(make_recipe: Make, tmp_path: Path, bits: dict[str, int]) -> None:
    said: list[str] = []
    at, shelf = tmp_path / "cluster", Shelf(tmp_path / "kept", said.append)
    CheckpointFolder(at).save(info(make_recipe(), step=4, bits={"a": 2}), [Variable()], [])
    assert shelf.latest(at, info(make_recipe(), bits=bits), 4) is None
    assert "was edited" in said[0]
