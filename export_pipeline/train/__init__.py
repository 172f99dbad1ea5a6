"""The train stage: photographs and a style image in, a checkpoint out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import models
from export_pipeline import __version__
from export_pipeline.base import images
from export_pipeline.errors import CheckpointError, RecipeError
from export_pipeline.perception.losses import PerceptualLoss
from export_pipeline.recipe import ExportTable, Recipe, ReportTable, VerifyTable
from export_pipeline.tasks.photographs import Photographs, photographs, random_crop, style_image
from export_pipeline.train.checkpoint import Checkpoint, CheckpointInfo, save
from export_pipeline.train.fit import Progress, Run, default_strategy, fit
from export_pipeline.train.gradients import CROPS, mean_squared_gradients
from export_pipeline.train.inputs import Inputs, finishing, polished, read_inputs

__all__ = [
    "Checkpoint",
    "CheckpointInfo",
    "Inputs",
    "Photographs",
    "Progress",
    "Tuning",
    "checked",
    "fine_tune",
    "finishing",
    "network",
    "photographs",
    "polished",
    "read_inputs",
    "restored",
    "squared_gradients",
    "style_image",
    "train",
]


@dataclass(frozen=True)
class Tuning:
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
    table = recipe.model
    try:
        return models.NETWORKS[table.network](**table.model_dump(exclude={"network"}), **size)
    except ValueError as error:
        raise RecipeError(f"model: {error}") from error


def restored(checkpoint: Checkpoint) -> Any:
    """The network of a checkpoint of the train stage, with its weights."""
    model = network(checkpoint.info.recipe)
    checkpoint.restore(model.weights)
    return model


def checked(recipe: Recipe) -> Recipe:
    """*recipe* with all that it names looked at; ``[model]`` is the warm start's where the recipe has none.

    Raises:
        ImageError: the style or the photographs cannot be read.
        CheckpointError: the warm start cannot be read, or is of another network.
    """
    style_image(recipe)
    photographs(recipe)
    if recipe.train.warm_start is None:
        return recipe
    start = Checkpoint.open(recipe.path(recipe.train.warm_start))
    its = start.info.recipe.model
    if "model" not in recipe.model_fields_set:
        return recipe.model_copy(update={"model": its})
    if its != recipe.model:
        old, new = its.model_dump(), recipe.model.model_dump()
        changed = [f"{key} is {old[key]!r} there and {new[key]!r} in the recipe" for key in new if new[key] != old[key]]
        raise CheckpointError(
            f"{start.path} is of another network: {', '.join(changed)}.\nLeave [model] out to take the checkpoint's."
        )
    return recipe


def train(
    recipe: Recipe,
    folder: Path,
    progress: Callable[[Progress], None] = lambda progress: None,
    tensorboard: Path | None = None,
    inputs: Inputs | None = None,
) -> tuple[Any, Checkpoint]:
    """Train the network of *recipe*, going on where an interrupted run in *folder* was.

    *inputs* are those of :func:`read_inputs`, which is asked when they are left out.

    Returns:
        The model, any size ``(N, H, W, 3)`` RGB 0..255 to the same, and its checkpoint.
    """
    import tf_keras as keras

    keras.utils.set_random_seed(recipe.seed)
    strategy = default_strategy(recipe.train.batch_size)
    with strategy.scope():
        model = network(recipe)
    parent = None
    if recipe.train.warm_start is not None:
        parent = Checkpoint.open(recipe.path(recipe.train.warm_start))
        parent.restore(model.weights)
    inputs = inputs or read_inputs(recipe)
    run = Run(
        recipe,
        "train",
        recipe.train.steps,
        recipe.train.learning_rate,
        folder,
        inputs.style,
        inputs.photographs,
        inputs.loss_network,
        parent=parent,
        ema=recipe.train.ema,
        progress=progress,
        tensorboard=tensorboard,
        strategy=strategy,
    )
    checkpoint = fit(model, run)
    if recipe.train.polish is not None:
        checkpoint = fit(model, _polish(run, checkpoint, inputs))
    # A network of its own: the stages to come take no variables that are mirrored on several devices.
    return restored(checkpoint), checkpoint


def _polish(trained: Run, parent: Checkpoint, inputs: Inputs) -> Run:
    """The run that goes on after the run *trained* as ``[train.polish]`` says."""
    recipe = polished(trained.recipe)
    return replace(
        trained,
        recipe=recipe,
        stage="polish",
        steps=recipe.train.steps,
        learning_rate=recipe.train.learning_rate,
        folder=trained.folder.with_name("polish"),
        loss_network=inputs.final_loss_network,
        parent=parent,
        tensorboard=trained.tensorboard / "polish" if trained.tensorboard else None,
    )


def fine_tune(
    model: Any,
    recipe: Recipe,
    folder: Path,
    parent: Checkpoint,
    tuning: Tuning,
    progress: Callable[[Progress], None] = lambda progress: None,
    tensorboard: Path | None = None,
    inputs: Inputs | None = None,
) -> Checkpoint:
    """Train *model*, the network of *recipe* that the compress stage may have wrapped.

    *parent* is what the weights came from; *inputs* as of :func:`train`. It runs on one device: tfmot's masks are not
    mirrored. A network that was polished goes on with the loss network and the batches of that, so that it moves on
    towards the same picture.
    """
    inputs = inputs or read_inputs(recipe)
    run = Run(
        finishing(recipe),
        tuning.part,
        tuning.steps,
        tuning.learning_rate,
        folder,
        inputs.style,
        inputs.photographs,
        inputs.final_loss_network,
        parent=parent,
        before_step=tuning.before_step,
        bits=tuning.bits,
        progress=progress,
        tensorboard=tensorboard / tuning.part if tensorboard else None,
    )
    return fit(model, run)


def squared_gradients(
    model: Any, recipe: Recipe, variables: Sequence[Any], inputs: Inputs | None = None
) -> list[np.ndarray]:
    """Mean squared gradient of the loss of fine-tuning on the first crops of the training's stream.

    *inputs* as of :func:`train`; see :func:`~export_pipeline.train.gradients.mean_squared_gradients` for the rest.
    """
    inputs, recipe = inputs or read_inputs(recipe), finishing(recipe)
    table = recipe.train
    loss = PerceptualLoss(inputs.final_loss_network, inputs.style, table)
    crops = (random_crop(inputs.photographs, recipe.seed, i, table.crop, table.short_side) for i in range(CROPS))
    return mean_squared_gradients(model, loss, crops, variables)


def released(path: Path, model: Any, trained: Checkpoint, recipe: Recipe, steps: int) -> Checkpoint:
    """Write the checkpoint of a finished network, without optimizer: what bundles hold and warm starts read.

    *recipe* builds *model*, which was fine-tuned for *steps* since *trained*.

    Of the recipe it keeps what made the network. The hash of the checkpoint goes into every exported file, and
    those must not change with a budget.
    """
    plain = {"export": ExportTable(), "verify": VerifyTable(), "report": ReportTable()}
    before = recipe.train.steps if trained.info.stage == "polish" else 0
    info = trained.info.model_copy(
        update={
            "stage": "compress",
            "recipe": recipe.model_copy(update=plain),
            "step": before + trained.info.step + steps,
            "parent_sha256": trained.sha256,
        }
    )
    return save(path, info, model.weights)


def calibration_photographs(recipe: Recipe) -> list[Any]:
    """Training photographs, evenly spread over the folder, that set the ranges of full-integer models."""
    training, _ = photographs(recipe)
    return _spread(training, recipe.export.calibration_images)


def training_squares(recipe: Recipe, count: int) -> np.ndarray:
    """*count* training photographs at most, evenly spread, cut to the size of crops: ``(N, crop, crop, 3)`` uint8."""
    training, _ = photographs(recipe)
    side = recipe.train.crop
    return np.stack([images.fit(photo, side, side) for photo in _spread(training, count)])


def validation_photographs(recipe: Recipe) -> list[Any]:
    """The photographs to judge on, evenly spread over the held-out ones."""
    _, held = photographs(recipe)
    return _spread(held, recipe.verify.images)


def _spread(found: Photographs, count: int) -> list[Any]:
    count = min(count, len(found))
    return [found[index * len(found) // count] for index in range(count)]


def provenance(checkpoint: Checkpoint) -> dict[str, str]:
    """Where a network comes from, in words that do not change from build to build."""
    from importlib.metadata import version

    info = checkpoint.info
    return {
        "checkpoint_sha256": checkpoint.sha256,
        "parent_sha256": info.parent_sha256 or "",
        "style_sha256": info.style_sha256,
        "loss_network_sha256": info.loss_network_sha256 or "",
        "steps": str(info.step),
        "export-pipeline": __version__,
        **{name: version(name) for name in ("tensorflow", "coremltools")},
    }
