"""Fine-tuning while pruning: the two stages together, interrupted and not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.base.progress import Progress
from export_pipeline.compress import compress
from export_pipeline.compress.prune import sparsity
from export_pipeline.recipe import Recipe
from export_pipeline.recipe.compress import CompressTable
from export_pipeline.train import Checkpoint, FineTuning, restored
from tests.compress import material as compressing
from tests.small_training import fine_tuned
from tests.small_training import trained as train

Make = Callable[..., Recipe]
COMPRESS = {"schedule": "polynomial_decay", "final_sparsity": 0.6, "end_step": 6, "frequency": 2, "steps": 8}


class InterruptedRunError(Exception):
    """Stands for the end of a process."""


@pytest.fixture(scope="module")
def trained(make_recipe: Make, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    recipe = make_recipe(model={"norm": "batch"}, train={"steps": 1, "checkpoint_every": 3}, compress=COMPRESS)
    return train(recipe, tmp_path_factory.mktemp("trained") / "train")[1]


def pruned(trained: Checkpoint, folder: Path, until: int | None = None) -> tuple[Any, list[Progress], dict[str, float]]:
    """Prune the trained network; stop in step *until*. Gives the network, the steps seen and its sparsity."""
    steps = list[Progress]()

    def watch(progress: Progress) -> None:
        steps.append(progress)
        if progress.step == until:
            raise InterruptedRunError

    def tune(wrapped: Any, recipe: Recipe, *tuning: Any) -> None:
        fine_tuned(wrapped, recipe, folder, trained, FineTuning(*tuning), watch)

    recipe = trained.info.recipe.model_copy(update={"compress": CompressTable.model_validate(COMPRESS)})
    tools = dataclasses.replace(compressing.tools(), fine_tune=tune)
    model = compress(restored(trained), recipe, tools, last="prune").model
    return model, steps, sparsity(model)


def test_an_interrupted_pruning_ends_as_if_nothing_had_happened(trained: Checkpoint, tmp_path: Path) -> None:
    model, steps, shares = pruned(trained, tmp_path / "whole")
    assert [(progress.stage, progress.step) for progress in steps] == [("prune", step) for step in range(1, 9)]
    for name, share in shares.items():
        size = model.get_layer(name).kernel.numpy().size
        assert share == pytest.approx(1 - round(size * 0.4) / size), name
    # Fine-tuning trains what is left of kernels, and the norms: else it would be pruning after training.
    for weight, old in zip(model.trainable_weights, restored(trained).trainable_weights, strict=True):
        assert not np.isin(weight.numpy()[weight.numpy() != 0], old.numpy()).all(), weight.name

    with pytest.raises(InterruptedRunError):
        pruned(trained, tmp_path / "parts", until=5)
    again, later, _ = pruned(trained, tmp_path / "parts")
    assert [progress.losses for progress in later] == [progress.losses for progress in steps[3:]]
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for path in (tmp_path / "whole").iterdir():
        assert (tmp_path / "parts" / path.name).read_bytes() == path.read_bytes()
