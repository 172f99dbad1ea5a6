"""Fine-tuning between rounds of structured pruning: the two stages together, interrupted and not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.base.progress import Progress
from export_pipeline.compress.structured import narrow
from export_pipeline.recipe import ModelTable, Recipe
from export_pipeline.recipe.compress import CompressTable
from export_pipeline.records.compression import Round
from export_pipeline.records.metric import Values
from export_pipeline.train import Checkpoint, FineTuning, network, restored
from tests.small_training import fine_tuned
from tests.small_training import trained as train

Make = Callable[..., Recipe]
MODEL = {"alpha": 0.2, "blocks": 1, "norm": "batch"}
COMPRESS = {"structured": {"blocks": 1, "rounds": 1, "filters": 0.2, "steps": 3}}


@pytest.fixture(scope="module")
def trained(make_recipe: Make, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    recipe = make_recipe(model=MODEL, train={"steps": 1, "checkpoint_every": 1}, compress=COMPRESS)
    return train(recipe, tmp_path_factory.mktemp("trained") / "train")[1]


def evaluate(model: Any) -> Values:
    photo = np.full((1, 16, 16, 3), 99, np.float32)
    output = model(photo, training=False)
    return {"content_distance": float(np.std(output)), "covariance_distance": float(np.mean(output))}


def narrowed(trained: Checkpoint, folder: Path) -> tuple[Any, ModelTable, tuple[Round, ...], list[tuple[str, int]]]:
    """Narrow the trained network; gives the parts and steps that were trained, too."""
    seen: list[tuple[str, int]] = []

    def tune(model: Any, recipe: Recipe, part: str, steps: int, learning_rate: float) -> None:
        def watch(progress: Progress) -> None:
            seen.append((part, progress.step))

        fine_tuned(model, recipe, folder / part, trained, FineTuning(part, steps, learning_rate), watch)

    recipe = trained.info.recipe.model_copy(update={"compress": CompressTable.model_validate(COMPRESS)})
    return *narrow(restored(trained), recipe, tune, evaluate), seen


def test_an_interrupted_narrowing_ends_as_if_nothing_had_happened(trained: Checkpoint, tmp_path: Path) -> None:
    model, table, rounds, seen = narrowed(trained, tmp_path / "whole")
    assert seen == [(f"structured-{part}", step) for part in range(2) for step in (1, 2, 3)]
    assert [done.status for done in rounds] == ["start", "kept", "kept"]

    shutil.copytree(tmp_path / "whole", tmp_path / "parts")  # as it was when the last round had made two steps
    (tmp_path / "parts/structured-1/step-00000003.safetensors").unlink()
    again, its_table, its_rounds, later = narrowed(trained, tmp_path / "parts")
    assert later == [("structured-1", 3)]
    assert (its_table, its_rounds) == (table, rounds)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)

    last = Checkpoint.open(tmp_path / "whole/structured-1/step-00000003.safetensors")
    assert last.info.recipe.model == table
    assert network(last.info.recipe).count_params() == rounds[-1].parameters < rounds[0].parameters
    for one, other in zip(restored(last).get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
