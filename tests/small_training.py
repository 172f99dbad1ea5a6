"""A training so small that it takes seconds: 36-pixel crops, one block, one filter and a half."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export_pipeline.base.progress import Progress
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import Task, open_task
from export_pipeline.train import Checkpoint, FineTuning, Listener, fine_tune, fine_tune_task, train


def picture(seed: int, height: int, width: int) -> np.ndarray:
    """``(height, width, 3)`` uint8: broad fields of color, unlike for each *seed*."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four photographs in ``content/`` and ``style.png``."""
    folder = tmp_path_factory.mktemp("material")
    (folder / "content").mkdir()
    for index in range(4):
        Image.fromarray(picture(index, 50 + 10 * index, 70)).save(folder / f"content/{index}.png")
    stripes = np.indices((80, 80)).sum(0) // 5 % 2
    Image.fromarray((picture(9, 80, 80) * stripes[..., None]).astype(np.uint8)).save(folder / "style.png")
    return folder


@pytest.fixture(scope="session")
def make_recipe(material: Path, vgg_file: Path) -> Callable[..., Recipe]:
    """``make_recipe(seed=.., model={..}, train={..}, compress={..})``: the small recipe with other values."""

    def make(**other: Any) -> Recipe:
        model = {"network": "small", "alpha": 0.05, "blocks": 1}
        train = {
            "style": str(material / "style.png"),
            "content": str(material / "content"),
            "vgg_weights": str(vgg_file),
            "crop": 36,
            "style_size": 64,
            "batch_size": 2,
            "steps": 12,
            "checkpoint_every": 4,
            "learning_rate": 0.02,
        }
        return Recipe.parse({
            **other,
            "model": {**model, **other.get("model", {})},
            "train": {**train, **other.get("train", {})},
        })  # fmt: skip

    return make


@pytest.fixture
def recipe(make_recipe: Callable[..., Recipe]) -> Recipe:
    return make_recipe()


def silent(progress: Progress) -> None:
    """The listener of who does not want to know."""


def trained(
    recipe: Recipe | Task,
    folder: Path,
    on_step: Callable[[Progress], None] = silent,
    tensorboard: Path | None = None,
) -> tuple[Any, Checkpoint]:
    """The network and the checkpoint of a training whose checkpoints lie in *folder*, which is called ``train``."""
    assert folder.name == "train"
    task = open_task(recipe) if isinstance(recipe, Recipe) else recipe
    found = train(task, folder.parent, Listener(on_step, tensorboard))
    return found.model, found.checkpoint


def fine_tuned(
    model: Any,
    recipe: Recipe,
    folder: Path,
    parent: Checkpoint,
    tuning: FineTuning,
    on_step: Callable[[Progress], None] = silent,
) -> Checkpoint:
    """*model* of *recipe* after a fine-tuning that goes on from *parent*."""
    task = fine_tune_task(open_task(recipe), recipe)
    return fine_tune(model, task, folder, parent, tuning, Listener(on_step))
