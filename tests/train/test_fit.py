"""Training: resumable at any step, the same each time, and stopped by what is not finite."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.base.progress import Progress
from export_pipeline.errors import CheckpointError, OutputError, TrainingError
from export_pipeline.perception.losses import LOSSES
from export_pipeline.recipe import Recipe
from export_pipeline.train import Checkpoint, FineTuning, restored
from tests.small_training import fine_tuned, trained
from tests.train.processes import python, toml

Make = Callable[..., Recipe]
PHOTO = np.random.default_rng(0).uniform(0, 255, (1, 40, 32, 3)).astype(np.float32)


@dataclass(frozen=True)
class Done:
    """A training that nothing interrupted: 12 steps, a checkpoint every 4."""

    folder: Path
    model: Any
    checkpoint: Checkpoint
    steps: tuple[Progress, ...]

    def copy(self, folder: Path, last: int | None = None) -> Path:
        """A copy of the run's folder as it was when step *last* was the newest checkpoint."""
        shutil.copytree(self.folder, folder)
        for path in folder.iterdir():
            if last is not None and int(path.stem.removeprefix("step-")) > last:
                path.unlink()
        return folder


@pytest.fixture(scope="module")
def done(make_recipe: Make, tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder, steps = tmp_path_factory.mktemp("done") / "train", list[Progress]()
    model, checkpoint = trained(make_recipe(), folder, steps.append)
    return Done(folder, model, checkpoint, tuple(steps))


def same_weights(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def test_each_step_is_told_with_its_losses(done: Done) -> None:
    assert [progress.step for progress in done.steps] == list(range(1, 13))
    for progress in done.steps:
        assert (progress.stage, progress.steps) == ("train", 12)
        assert tuple(progress.losses) == LOSSES
        assert progress.images_per_second > 0
        losses = progress.losses
        total = (
            losses["content"] + 2 * losses["style"] + 0.1 * losses["tv"] + 3 * losses["edge"] + 0 * losses["color"]
        )  # the weights of the recipe's defaults
        assert losses["total"] == pytest.approx(total, rel=1e-5)


def test_it_learns(done: Done) -> None:
    totals = [progress.losses["total"] for progress in done.steps]
    assert np.mean(totals[-4:]) < 0.97 * np.mean(totals[:4])


def test_the_newest_two_checkpoints_are_kept_and_say_where_they_come_from(done: Done, make_recipe: Make) -> None:
    assert sorted(path.name for path in done.folder.iterdir()) == [
        "step-00000008.safetensors",
        "step-00000012.safetensors",
    ]
    found = Checkpoint.open(done.folder / "step-00000012.safetensors")
    assert found == done.checkpoint
    assert found.info.recipe == make_recipe()
    assert (found.info.stage, found.info.step, found.info.parent_sha256) == ("train", 12, None)
    for name in LOSSES:
        assert found.info.losses[name] == pytest.approx(np.mean([p.losses[name] for p in done.steps[8:]]), rel=1e-5)


def test_the_returned_model_is_that_of_the_checkpoint(done: Done) -> None:
    again = restored(done.checkpoint)
    assert same_weights(again, done.model)
    np.testing.assert_array_equal(again(PHOTO), done.model(PHOTO))


def test_a_finished_run_does_nothing_more(done: Done, recipe: Recipe, tmp_path: Path) -> None:
    folder = done.copy(tmp_path / "train")
    model, checkpoint = trained(recipe, folder, lambda progress: pytest.fail(f"trained again: {progress}"))
    assert same_weights(model, done.model)
    assert checkpoint.sha256 == done.checkpoint.sha256


# Interrupted, and the same again

SLEEPS_IN_STEP_7 = """
import sys, time
from pathlib import Path
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import open_task
from export_pipeline.train import Listener, train

def wait(progress):
    if progress.step == 7:
        print("in step 7", flush=True)
        time.sleep(600)

train(open_task(Recipe.load(sys.argv[1])), Path(sys.argv[2]).parent, Listener(wait))
"""


def test_a_run_killed_in_another_process_ends_as_if_nothing_had_happened(
    done: Done, recipe: Recipe, tmp_path: Path
) -> None:
    (tmp_path / "r.toml").write_text(toml(recipe))
    folder = tmp_path / "train"
    with python(SLEEPS_IN_STEP_7, tmp_path / "r.toml", folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in step 7\n"
        process.kill()
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["step-00000000.safetensors", "step-00000004.safetensors"]  # one interval is lost, no more

    steps: list[Progress] = []
    model, checkpoint = trained(recipe, folder, steps.append)
    assert [progress.step for progress in steps] == list(range(5, 13))
    assert [progress.losses for progress in steps] == [progress.losses for progress in done.steps[4:]]
    assert same_weights(model, done.model)
    for path in sorted(done.folder.iterdir()):
        assert (folder / path.name).read_bytes() == path.read_bytes()
    assert checkpoint.sha256 == done.checkpoint.sha256


def test_neither_logs_nor_the_checkpoint_interval_change_the_result(
    done: Done, make_recipe: Make, tmp_path: Path
) -> None:
    import tensorflow as tf

    recipe = make_recipe(train={"checkpoint_every": 5})
    model, checkpoint = trained(recipe, tmp_path / "train", tensorboard=tmp_path / "logs")
    assert same_weights(model, done.model)
    assert sorted(int(path.stem[-8:]) for path in (tmp_path / "train").iterdir()) == [10, 12]
    assert checkpoint.info.step == 12

    (log,) = (tmp_path / "logs").iterdir()
    events = [tf.compat.v1.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(log))]
    logged = {
        (event.step, value.tag): float(tf.make_ndarray(value.tensor))
        for event in events
        for value in event.summary.value
    }
    wanted = {(p.step, f"loss/{name}"): value for p in done.steps for name, value in p.losses.items()}
    assert logged == pytest.approx(wanted)


def test_logs_that_cannot_be_written_are_an_output_error(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(OutputError, match="TensorBoard logs"):
        trained(recipe, tmp_path / "train", tensorboard=tmp_path / "file")


# Checkpoints of something else


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"train": {"style_weight": 3.0}}, "train.style_weight is 2.0 there and 3.0 here"),
        ({"train": {"learning_rate": 0.01}}, "train.learning_rate is 0.02 there and 0.01 here"),
        ({"train": {"crop": 40, "batch_size": 1}}, "train.batch_size is 2 there and 1 here; train.crop is 36 there"),
        ({"model": {"alpha": 0.1}}, "model.alpha is 0.05 there and 0.1 here"),
        ({"seed": 5}, "seed is 0 there and 5 here"),
    ],
)
def test_a_run_of_another_recipe_is_not_resumed(
    done: Done, make_recipe: Make, other: dict[str, Any], said: str
) -> None:
    before = {path: path.read_bytes() for path in done.folder.iterdir()}
    with pytest.raises(CheckpointError, match="was made by another recipe") as caught:
        trained(make_recipe(**other), done.folder)
    assert said in str(caught.value)
    assert "step-00000012" in str(caught.value)
    assert {path: path.read_bytes() for path in done.folder.iterdir()} == before


def test_another_style_image_of_the_same_name_is_noticed(done: Done, make_recipe: Make, tmp_path: Path) -> None:
    style = Path(make_recipe().train.style)
    kept = style.read_bytes()
    shutil.copy(style.parent / "content/0.png", style)
    try:
        with pytest.raises(CheckpointError, match="the hash of its style is another one"):
            trained(make_recipe(), done.folder)
    finally:
        style.write_bytes(kept)


def test_a_truncated_checkpoint_is_named(done: Done, recipe: Recipe, tmp_path: Path) -> None:
    folder = done.copy(tmp_path / "train", last=8)
    path = folder / "step-00000008.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"cannot read checkpoint .*step-00000008"):
        trained(recipe, folder)


# What is not finite


def tune(
    model: Any,
    make_recipe: Make,
    folder: Path,
    parent: Checkpoint,
    before_step: Callable[[int], None] = lambda step: None,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Checkpoint:
    compress = {"schedule": "constant", "end_step": 1, "steps": 6}
    recipe = make_recipe(train={"checkpoint_every": 2}, compress=compress)
    return fine_tuned(model, recipe, folder, parent, FineTuning("prune", 6, 1e-3, before_step), progress)


def poison(model: Any) -> None:
    weight = model.trainable_weights[0]
    weight.assign(weight * float("nan"))


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_good_checkpoint(
    done: Done, make_recipe: Make, tmp_path: Path
) -> None:
    model = restored(done.checkpoint)
    with pytest.raises(TrainingError) as caught:
        tune(model, make_recipe, tmp_path, done.checkpoint, before_step=lambda step: step == 3 and poison(model))
    message = str(caught.value)
    assert "not finite at step 4; the checkpoint of step 2 is kept" in message
    assert "learning_rate below 0.001" in message
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-00000000.safetensors",
        "step-00000002.safetensors",
    ]
    model.set_weights([weight * 0 for weight in model.get_weights()])
    Checkpoint.open(tmp_path / "step-00000002.safetensors").restore(model.weights)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_weights_that_are_not_finite_are_never_saved(done: Done, make_recipe: Make, tmp_path: Path) -> None:
    """The loss of a step is that of the weights before it, so it tells a step late."""
    model = restored(done.checkpoint)
    with pytest.raises(TrainingError, match="at step 4; the checkpoint of step 2 is kept"):
        tune(model, make_recipe, tmp_path, done.checkpoint, progress=lambda p: p.step == 4 and poison(model))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-00000000.safetensors",
        "step-00000002.safetensors",
    ]


def test_loss_weights_that_overflow_are_named_at_once(make_recipe: Make, tmp_path: Path) -> None:
    recipe = make_recipe(train={"content_weight": 3e38, "style_weight": 3e38})
    with pytest.raises(TrainingError, match="not finite at step 1; the checkpoint of step 0 is kept"):
        trained(recipe, tmp_path / "train")
