"""The moving average, the loss network and the polish of a training."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from export_pipeline.base.progress import Progress
from export_pipeline.errors import CheckpointError
from export_pipeline.perception.loss_network import loss_network
from export_pipeline.recipe import StyleTrainTable
from export_pipeline.tasks import open_task
from export_pipeline.tasks.style_transfer import StyleTransfer
from export_pipeline.train import Checkpoint, CheckpointInfo, FineTuning, fine_tune_task
from export_pipeline.train.fit import momentum
from tests.small_training import fine_tuned
from tests.small_training import trained as train
from tests.train import test_fit
from tests.train.test_fit import Done, Make, same_weights

done = test_fit.done

# The moving average


def last_of(checkpoint: Checkpoint, model: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The weights of a checkpoint, and the averages of them that lie behind the optimizer's variables."""
    with safe_open(checkpoint.path, framework="numpy") as file:
        names = sorted(file.keys())
        tensors = [file.get_tensor(name) for name in names]
    count = len(model.weights)
    return tensors[:count], tensors[-count:]


def test_what_is_kept_is_the_moving_average(done: Done, make_recipe: Make, tmp_path: Path) -> None:
    weights, averages = last_of(done.checkpoint, done.model)
    assert all(np.array_equal(*pair) for pair in zip(weights, averages, strict=True))
    last, _ = train(make_recipe(train={"ema": 0.0}), tmp_path / "train")
    assert not same_weights(last, done.model)
    for variable, average in zip(last.get_weights(), averages, strict=True):
        assert np.abs(variable - average).max() < 0.5


def test_a_run_made_shorter_keeps_its_average(done: Done, make_recipe: Make, tmp_path: Path) -> None:
    folder = done.copy(tmp_path / "train", last=8)
    model, checkpoint = train(make_recipe(train={"steps": 8}), folder)
    weights, averages = last_of(checkpoint, model)
    assert checkpoint.info.step == 8
    assert all(np.array_equal(*pair) for pair in zip(weights, averages, strict=True))


def test_momentum_grows_to_its_most() -> None:
    assert [round(float(momentum(0.9, step)), 3) for step in (0, 8, 80, 1000)] == [0.1, 0.5, 0.9, 0.9]


# The loss network


def test_another_loss_network_does_not_go_on(done: Done, make_recipe: Make, tmp_path: Path) -> None:
    folder = done.copy(tmp_path / "train", last=8)
    task = open_task(make_recipe())
    assert isinstance(task, StyleTransfer)
    other = dataclasses.replace(
        task, loss_network_of=lambda recipe: dataclasses.replace(loss_network(recipe), embeddings={})
    )
    with pytest.raises(CheckpointError, match="the hash of its loss network is another one"):
        train(other, folder)


def test_what_a_checkpoint_does_not_name_is_what_there_was_when_it_was_written(done: Done) -> None:
    assert done.checkpoint.info.recipe.train.style_loss == "moments"
    data = json.loads(done.checkpoint.info.model_dump_json())
    table = data["recipe"]["train"]
    table["ema"] = 0.5

    def read() -> StyleTrainTable:
        return CheckpointInfo.model_validate_json(json.dumps(data)).recipe.train

    del table["style_loss"]
    assert (read().style_loss, read().loss_network, read().ema) == ("gram", "distilled", 0.5)
    del table["loss_network"], table["ema"]
    assert (read().style_loss, read().loss_network, read().ema) == ("gram", "vgg19", 0)


def test_a_training_on_gram_matrices_is_not_gone_on_with_on_moments(
    done: Done, make_recipe: Make, tmp_path: Path
) -> None:
    folder = done.copy(tmp_path / "train", last=8)
    with pytest.raises(CheckpointError, match=r"train.style_loss is 'moments' there and 'gram' here"):
        train(make_recipe(train={"style_loss": "gram"}), folder)


def test_the_polish_goes_on_from_the_training_with_vgg19(done: Done, make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(train={"polish": {"steps": 2, "learning_rate": 0.01}})
    told: list[Progress] = []
    model, checkpoint = train(recipe, done.copy(tmp_path / "train"), told.append)
    assert [(progress.stage, progress.step) for progress in told] == [("polish", 1), ("polish", 2)]
    assert checkpoint.info.parent_sha256 == done.checkpoint.sha256
    assert checkpoint.info.recipe.train.loss_network == "vgg19"
    assert checkpoint.info.fingerprint["loss_network_sha256"] != done.checkpoint.info.fingerprint["loss_network_sha256"]
    assert not same_weights(model, done.model)
    told.clear()
    again, _ = train(recipe, tmp_path / "train", told.append)
    assert same_weights(again, model)
    assert not told


def test_what_is_polished_is_fine_tuned_with_vgg19_as_well(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(train={"steps": 1, "polish": {"steps": 1}})
    model, trained = train(recipe, tmp_path / "train")
    tuned = fine_tuned(model, recipe, tmp_path / "prune", trained, FineTuning("prune", 1, 1e-3))
    assert tuned.info.recipe.train.loss_network == "vgg19"
    assert tuned.info.recipe.train.batch_size == 1
    assert tuned.info.fingerprint["loss_network_sha256"] == trained.info.fingerprint["loss_network_sha256"]
    # What is measured for it, such as what an error of a weight counts, looks the same way.
    objective = fine_tune_task(open_task(recipe), recipe).objective()
    assert objective.fingerprint["loss_network_sha256"] == trained.info.fingerprint["loss_network_sha256"]
    assert fine_tune_task(open_task(make_recipe()), make_recipe()).recipe == make_recipe()
