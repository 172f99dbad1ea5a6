"""The train stage: a task in, a trained network and its checkpoint out.

It loads TensorFlow once there is something to compute: what only looks at checkpoints does without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from export_pipeline import __version__
from export_pipeline.base.progress import Progress
from export_pipeline.errors import RecipeError
from export_pipeline.recipe import ModelTable, Recipe
from export_pipeline.tasks import Task
from export_pipeline.tasks.task import Given
from export_pipeline.train.checkpoint import Checkpoint, CheckpointInfo, deciding, save
from export_pipeline.train.gradients import squared_gradients
from export_pipeline.train.shelf import Shelf
from export_pipeline.train.warm_start import origin, with_warm_start

__all__ = [
    "Checkpoint",
    "CheckpointInfo",
    "FineTuning",
    "Listener",
    "Shelf",
    "Trained",
    "export_checkpoint",
    "fine_tune",
    "fine_tune_task",
    "network",
    "origin",
    "provenance",
    "restored",
    "squared_gradients",
    "train",
    "trains",
    "with_warm_start",
]


GIVEN = "given"  # stage and folder of a network that is not trained


@dataclass(frozen=True)
class Listener:
    """Who is told how a training goes: ``on_step`` after each step, and logs for TensorBoard below a folder.

    With a ``shelf``, checkpoints of another run that lie in the way are put there; without, they are refused.
    """

    on_step: Callable[[Progress], None] = lambda progress: None
    tensorboard: Path | None = None
    shelf: Shelf | None = None

    def below(self, part: str) -> Listener:
        """The same, with the logs in a folder of *part*."""
        return replace(self, tensorboard=self.tensorboard / part if self.tensorboard else None)


@dataclass(frozen=True)
class Trained:
    """A network as it was trained, and the checkpoint of the last phase. ``steps_before`` are those of the others."""

    model: Any
    checkpoint: Checkpoint
    steps_before: int = 0


@dataclass(frozen=True)
class FineTuning:
    """A fine-tuning: *part* names it; *before_step* is called with the number of each step, from 0.

    ``bits`` are those of the tables that it trains, by layer: a run with others is another run.
    """

    part: str
    steps: int
    learning_rate: float
    before_step: Callable[[int], None] = lambda step: None
    bits: Mapping[str, int] = field(default_factory=dict)


def network(recipe: Recipe, **size: int) -> Any:
    """The untrained network of *recipe*, for any image size or for ``height`` and ``width`` pixels.

    Raises:
        RecipeError: the network cannot be built with these arguments.
    """
    from export_pipeline import models

    table = recipe.model
    if not isinstance(table, ModelTable):
        raise RecipeError("the network comes from a file; only those of a builder can be built from a recipe")
    try:
        return models.NETWORKS[table.network](**table.model_dump(exclude={"network"}), **size)
    except ValueError as error:
        raise RecipeError(f"model: {error}") from error


def trains(recipe: Recipe) -> str:
    """What the stage does for *recipe*, in words."""
    table = recipe.model
    if recipe.train.warm_start is not None and not recipe.train.trains:
        return f"nothing, {recipe.train.warm_start} is taken over as it is"
    return (
        f"{table.network}, {recipe.train.steps} steps"
        if isinstance(table, ModelTable)
        else "nothing, the network comes in a file"
    )


def restored(checkpoint: Checkpoint) -> Any:
    """The network of a checkpoint of the train stage, with its weights."""
    model = network(checkpoint.info.recipe)
    checkpoint.restore(model.weights)
    return model


def train(task: Task, folder: Path, listener: Listener = Listener()) -> Trained:
    """Train the network of *task*'s recipe, phase by phase, going on where an interrupted run was.

    A network that comes with the recipe is taken as it is, and so is a warm start of no steps, whose checkpoint it
    stays.

    Args:
        folder: gets a folder for each phase, by its name.

    Returns:
        The model, which takes any size, and its checkpoint.
    """
    from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
    import tf_keras as keras

    from export_pipeline.train.fit import Run, default_strategy, fit

    recipe, given = task.recipe, task.given()
    if given is not None:
        return _as_given(given, recipe, folder / GIVEN)
    if recipe.train.warm_start is not None and not recipe.train.trains:
        taken = Checkpoint.open(recipe.path(recipe.train.warm_start))
        return Trained(restored(taken), taken)
    keras.utils.set_random_seed(recipe.seed)
    strategy = default_strategy(recipe.train.batch_size)
    with strategy.scope():
        model = network(recipe)
    checkpoint = None
    phases = task.phases()
    if recipe.train.warm_start is not None:
        checkpoint = Checkpoint.open(recipe.path(recipe.train.warm_start))
        checkpoint.restore(model.weights)
    for number, phase in enumerate(phases):
        table = phase.recipe.train
        told = listener.below(phase.part) if number else listener
        run = Run(
            task.with_recipe(phase.recipe),
            phase.part,
            table.steps,
            table.learning_rate,
            folder / phase.part,
            parent=checkpoint,
            ema=table.ema,
            progress=told.on_step,
            tensorboard=told.tensorboard,
            strategy=strategy,
            # Statistics that are fixed stay so.
            frozen_norm=float(bool(table.frozen_norm)) if number else table.frozen_norm,
            shelf=told.shelf,
        )
        checkpoint = fit(model, run)
    assert checkpoint is not None
    # A network of its own: the stages to come take no variables that are mirrored on several devices.
    return Trained(restored(checkpoint), checkpoint, sum(phase.recipe.train.steps for phase in phases[:-1]))


def _as_given(given: Given, recipe: Recipe, folder: Path) -> Trained:
    about = {"stage": GIVEN, "step": 0, "recipe": deciding(recipe, GIVEN)}
    info = CheckpointInfo.model_validate({**about, **given.fingerprint})
    return Trained(given.model, save(folder / "network.safetensors", info, given.model.weights))


def fine_tune_task(task: Task, recipe: Recipe) -> Task:
    """*task* as fine-tuning after the training sees it, for a network of the ``[model]`` of *recipe*.

    It goes on as the last phase of the training went, so that the network moves on towards the same result.
    """
    last = task.phases()[-1].recipe
    return task.with_recipe(last.model_copy(update={"model": recipe.model, "compress": recipe.compress}))


def fine_tune(
    model: Any, task: Task, folder: Path, parent: Checkpoint, tuning: FineTuning, listener: Listener = Listener()
) -> Checkpoint:
    """Train *model*, the network of *task*'s recipe that the compress stage may have wrapped.

    *parent* is what the weights came from. It runs on one device: tfmot's masks are not mirrored.
    """
    from export_pipeline.train.fit import Run, fit

    told = listener.below(tuning.part)
    run = Run(
        task,
        tuning.part,
        tuning.steps,
        tuning.learning_rate,
        folder,
        parent=parent,
        before_step=tuning.before_step,
        bits=tuning.bits,
        progress=told.on_step,
        tensorboard=told.tensorboard,
        frozen_norm=float(bool(task.recipe.train.frozen_norm)),
        shelf=told.shelf,
    )
    return fit(model, run)


def export_checkpoint(path: Path, model: Any, trained: Trained, recipe: Recipe, steps: int) -> Checkpoint:
    """Write the checkpoint of a finished network, without optimizer: what bundles hold and warm starts read.

    *recipe* builds *model*, which was fine-tuned for *steps* since *trained*.

    Of the recipe it keeps what made the network. The hash of the checkpoint goes into every exported file, and
    those must not change with a budget.
    """
    parent = trained.checkpoint
    info = parent.info.model_copy(
        update={
            "stage": "compress",
            "recipe": recipe.without("about", "export", "verify", "report"),
            "step": trained.steps_before + parent.info.step + steps,
            "parent_sha256": parent.sha256,
        }
    )
    return save(path, info, model.weights)


def provenance(checkpoint: Checkpoint) -> dict[str, str]:
    """Where a network comes from, in words that do not change from build to build."""
    from importlib.metadata import version

    info = checkpoint.info
    return {
        "checkpoint_sha256": checkpoint.sha256,
        "parent_sha256": info.parent_sha256 or "",
        **{name: value or "" for name, value in info.fingerprint.items()},
        "steps": str(info.step),
        "export-pipeline": __version__,
        **{name: version(name) for name in ("tensorflow", "coremltools")},
    }
