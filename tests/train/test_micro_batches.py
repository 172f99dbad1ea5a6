"""When a batch is trained in micro-batches, one for each core, and when it stays whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from export_pipeline.pipeline import opened
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import Task, open_task
from export_pipeline.train import micro_batches
from tests.small_training import trained as train
from tests.train.processes import python, toml

from export_pipeline import models  # isort: skip - loads TensorFlow quietly
import tensorflow as tf


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """The numbers of threads that TensorFlow is asked for, on a machine of so many cores and graphics processors."""

    def ask(recipe: dict[str, object], cores: int = 2, gpus: int = 0) -> list[int]:
        wanted: list[int] = []
        monkeypatch.setattr(micro_batches, "cores", lambda: cores)
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind] * gpus)
        monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", wanted.append)
        micro_batches.one_thread_an_operation(open_task(Recipe.parse(recipe)))
        return wanted

    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    return ask


def test_an_image_for_each_core_has_one_thread(asked: Callable[..., list[int]]) -> None:
    assert asked({"train": {"batch_size": 2}}) == [1]
    assert asked({"train": {"batch_size": 4, "polish": {"steps": 1, "batch_size": 2}}}) == [1]


@pytest.mark.parametrize(
    "recipe",
    [
        {"train": {"batch_size": 1}},
        {"train": {"batch_size": 2, "steps": 0, "warm_start": "a.safetensors"}},
        {"train": {"batch_size": 2, "polish": {"steps": 1, "batch_size": 1}}},
        {"train": {"batch_size": 2}, "model": {"norm": "batch"}},
    ],
)
def test_otherwise_operations_keep_all_threads(asked: Callable[..., list[int]], recipe: dict[str, object]) -> None:
    assert asked(recipe) == []


def test_so_they_do_on_other_machines(asked: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = {"train": {"batch_size": 2}}
    assert asked(recipe, cores=4) == asked(recipe, cores=1) == asked(recipe, gpus=1) == []
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    assert asked(recipe) == []


def test_it_may_be_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setattr(micro_batches, "cores", lambda: 2)
    tf.constant(0.0)  # has started
    micro_batches.one_thread_an_operation(open_task(Recipe.parse({"train": {"batch_size": 4}})))
    assert micro_batches.sizes(network(), 4, tf.distribute.get_strategy()) == [4]


def test_builds_ask_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Task] = []
    monkeypatch.setattr(micro_batches, "one_thread_an_operation", asked.append)
    recipe = Recipe.parse({"train": {"batch_size": 2}})
    with opened(recipe, tmp_path / "bundle"):
        assert [task.recipe for task in asked] == [recipe]


def network(norm: str = "instance") -> Any:
    return models.small(alpha=0.1, blocks=0, norm=norm)


@pytest.mark.parametrize(
    ("cores", "threads", "size", "parts"),
    [(2, 1, 5, [3, 2]), (3, 1, 4, [2, 1, 1]), (2, 0, 4, [4]), (2, 2, 4, [4]), (4, 1, 2, [2]), (1, 1, 2, [2])],
)
def test_sizes(cores: int, threads: int, size: int, parts: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(micro_batches, "cores", lambda: cores)
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: threads)
    assert micro_batches.sizes(network(), size, tf.distribute.get_strategy()) == parts


def test_what_must_be_whole_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the recipe said: a warm start may bring batch norm, several devices have divided the batch already."""
    monkeypatch.setattr(micro_batches, "cores", lambda: 2)
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: 1)
    assert micro_batches.sizes(network("batch"), 4, tf.distribute.get_strategy()) == [4]
    several = SimpleNamespace(num_replicas_in_sync=2)
    assert micro_batches.sizes(network(), 4, several) == [4]


IN_MICRO_BATCHES = """
import importlib, json, os, sys
from pathlib import Path
os.environ.pop("TF_NUM_INTRAOP_THREADS", None)
import tensorflow as tf
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import open_task
from export_pipeline.train import Listener, micro_batches, train
task, folder, found, totals = open_task(Recipe.load(sys.argv[1])), Path(sys.argv[2]), [], []
micro_batches.cores = lambda: 2
micro_batches.one_thread_an_operation(task)
fit = importlib.import_module("export_pipeline.train.fit")
def told(model, batch_size, strategy, sizes=fit.sizes):
    found.append(sizes(model, batch_size, strategy))
    return found[-1]
fit.sizes = told
train(task, folder.parent, Listener(lambda told: totals.append(told.losses["total"])))
print(json.dumps([found, totals]))
"""


# At small steps, because large ones blow up what micro-batches round otherwise.
SMALL_STEPS = {"steps": 4, "checkpoint_every": 2, "learning_rate": 2e-3}


def train_in_parts(recipe: Recipe, folder: Path) -> str:
    """Train in a process of its own with *folder*, that of the checkpoints; what it printed."""
    (folder.parent / "r.toml").write_text(toml(recipe))
    with python(IN_MICRO_BATCHES, folder.parent / "r.toml", folder) as process:
        printed, complaints = process.communicate()
    assert process.returncode == 0, complaints
    return printed


@pytest.fixture(scope="module")
def in_parts(make_recipe: Callable[..., Recipe], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """``in_parts(batch size)``: recipe, folder of the checkpoints and what was printed of a training, made once."""

    @cache
    def trained_once(batch_size: int) -> tuple[Recipe, Path, str]:
        recipe = make_recipe(train={"batch_size": batch_size, **SMALL_STEPS})
        folder = tmp_path_factory.mktemp("parts") / "train"
        return recipe, folder, train_in_parts(recipe, folder)

    return trained_once


@pytest.mark.parametrize(("batch_size", "parts"), [(2, [1, 1]), (3, [2, 1])])
def test_a_batch_in_micro_batches_trains_as_a_whole_one(
    batch_size: int, parts: list[int], in_parts: Callable[..., Any], tmp_path: Path
) -> None:
    """The losses, and Adam's moments, which the gradients of all steps add up to."""
    recipe, folder, printed = in_parts(batch_size)
    whole: list[float] = []
    train(recipe, tmp_path / "train", lambda told: whole.append(told.losses["total"]))
    sizes, totals = json.loads(printed)
    assert sizes == [parts]
    assert totals == pytest.approx(whole, rel=1e-3)
    one, other = (load_file(path / "step-00000004.safetensors") for path in (tmp_path / "train", folder))
    moments = [name for name in one if name.startswith("optimizer.") and one[name].size > 1]
    assert moments
    for name in moments:
        scale = np.abs(one[name]).max()
        np.testing.assert_allclose(other[name], one[name], rtol=0.02, atol=0.02 * scale, err_msg=name)


def test_a_run_in_micro_batches_that_was_interrupted_ends_with_the_same_bytes(
    in_parts: Callable[..., Any], tmp_path: Path
) -> None:
    recipe, whole, _ = in_parts(2)
    resumed = tmp_path / "train"
    resumed.mkdir()
    shutil.copy(whole / "step-00000002.safetensors", resumed)
    sizes, totals = json.loads(train_in_parts(recipe, resumed))
    assert (sizes, len(totals)) == ([[1, 1]], 2)
    last = "step-00000004.safetensors"
    assert (resumed / last).read_bytes() == (whole / last).read_bytes()
