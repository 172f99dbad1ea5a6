"""The fit loop: crops in, checkpoints out, resumable at any step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
import numpy as np
import tensorflow as tf
import tf_keras as keras

from export_pipeline.base.progress import Progress
from export_pipeline.errors import OutputError, TrainingError
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import Task
from export_pipeline.tasks.task import Objective
from export_pipeline.train.checkpoint import (
    Checkpoint,
    CheckpointFolder,
    CheckpointInfo,
    deciding,
    require_same_run,
)
from export_pipeline.train.micro_batches import sizes
from export_pipeline.train.shelf import Shelf
from export_pipeline.train.space_to_depth import space_to_depth_convolutions

WARM_UP_STEPS = 50


@dataclass(frozen=True)
class Run:
    """All that a fit loop needs beside the model: the task for its recipe, how long and how fast, and from where."""

    task: Task
    stage: str
    steps: int
    learning_rate: float
    folder: Path
    parent: Checkpoint | None = None
    ema: float = 0.0
    before_step: Callable[[int], None] = lambda step: None
    bits: Mapping[str, int] = field(default_factory=dict)
    progress: Callable[[Progress], None] = lambda progress: None
    tensorboard: Path | None = None
    strategy: Any = field(default_factory=tf.distribute.get_strategy)
    frozen_norm: float = 0.0
    shelf: Shelf | None = None

    @property
    def frozen_from(self) -> int:
        """The step from which batch norm computes with its moving statistics."""
        return self.steps - round(self.steps * self.frozen_norm)

    @property
    def recipe(self) -> Recipe:
        """That the task is for."""
        return self.task.recipe

    def info(self, step: int, losses: dict[str, float], objective: Objective) -> CheckpointInfo:
        """What the checkpoint of *step* says of itself."""
        about = {
            "stage": self.stage,
            "step": step,
            "recipe": deciding(self.recipe, self.stage),
            "parent_sha256": self.parent.sha256 if self.parent else None,
            "bits": dict(self.bits),
            "losses": losses,
        }
        return CheckpointInfo.model_validate({**about, **objective.fingerprint})


def default_strategy(batch_size: int) -> Any:
    """``MirroredStrategy`` over the accelerators when there are several, else the strategy of one device.

    No more of them than a batch has images: a convolution cannot take none.
    """
    count = min(batch_size, len(tf.config.list_physical_devices("GPU")))
    if count < 2:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([f"GPU:{index}" for index in range(count)])


def schedule(peak: float, steps: int) -> Any:
    """Linear warm-up to *peak*, then a cosine to zero at *steps* (Loshchilov and Hutter, 2017)."""
    warm_up = min(WARM_UP_STEPS, steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warm_up else peak,
        warmup_target=peak if warm_up else None,
        warmup_steps=warm_up,
        decay_steps=max(1, steps - warm_up),
    )


class Schedules(keras.optimizers.schedules.LearningRateSchedule):
    """One :func:`schedule` of peak and steps after the other."""

    def __init__(self, parts: Sequence[tuple[float, int]]) -> None:
        self._parts = list(parts)

    def __call__(self, step: Any) -> Any:
        """The learning rate at *step*, from 0."""
        rate, begin = tf.constant(0.0), 0
        for peak, steps in self._parts:
            rate = tf.where(step >= begin, schedule(peak, steps)(step - begin), rate)
            begin += steps
        return rate

    def get_config(self) -> dict[str, Any]:
        """Its argument."""
        return {"parts": self._parts}


@dataclass(frozen=True)
class Moving:
    """What a training moves beside the weights: the optimizer's variables, and averages of the weights, if any."""

    optimizer: Any
    averages: list[Any]

    @classmethod
    def of(cls, model: keras.Model, run: Run) -> Moving:
        """At the start of *run*."""
        with run.strategy.scope():
            optimizer = keras.optimizers.Adam(schedule(run.learning_rate, run.steps))
            optimizer.build(model.trainable_variables)
            averages = [tf.Variable(v.numpy(), trainable=False) for v in model.trainable_variables] if run.ema else []
        return cls(optimizer, averages)

    def put_averages_into(self, model: keras.Model) -> bool:
        """Give *model* the averages of its weights, if there are any; whether that has changed it."""
        changed = False
        for average, variable in zip(self.averages, model.trainable_variables, strict=bool(self.averages)):
            changed |= not np.array_equal(average.numpy(), variable.numpy())
            variable.assign(average)
        return changed

    @property
    def state(self) -> list[Any]:
        """All that decides how the training goes on."""
        rate = getattr(self.optimizer, "_current_learning_rate", None)
        return [variable for variable in self.optimizer.variables if variable is not rate] + self.averages


def fit(model: keras.Model, run: Run) -> Checkpoint:
    """Train *model*, ``(N, H, W, 3)`` RGB 0..255 to the same, for ``run.steps`` steps.

    Goes on from the newest checkpoint in ``run.folder`` where there is one, with the same data in the same
    order; the result is then the same, bit for bit, as without the interruption.

    Returns:
        The checkpoint of the last step; *model* holds its weights.

    Raises:
        TrainingError: a loss is not finite; the last good checkpoint is kept and named.
        CheckpointError: the checkpoints in the folder are another recipe's, and there is no shelf for them.
    """
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(run.recipe.seed)
    objective = run.task.objective()
    moving = Moving.of(model, run)
    store, wanted = CheckpointFolder(run.folder), run.info(0, {}, objective)
    latest = store.latest() if run.shelf is None else run.shelf.latest(run.folder, wanted, run.steps)
    if latest is None:
        latest = store.save(wanted, model.weights, moving.state)
    else:
        require_same_run(latest, wanted)
        latest.restore(model.weights, moving.state)
    if latest.info.step >= run.steps:
        # A run that is made shorter after it was interrupted has its last weights there, and not yet their average.
        if moving.put_averages_into(model):
            info = run.info(latest.info.step, latest.info.losses, objective)
            latest = store.save(info, model.weights, moving.state)
        return latest
    return _steps(model, run, objective, moving, latest)


def _steps(model: keras.Model, run: Run, objective: Objective, moving: Moving, latest: Checkpoint) -> Checkpoint:
    first, store = latest.info.step, CheckpointFolder(run.folder)
    data = run.strategy.experimental_distribute_dataset(run.task.batches(first, run.steps))
    step_on = train_step(model, run, objective, moving, training=first < run.frozen_from)
    writer = _log_writer(run.tensorboard) if run.tensorboard else None
    recent: list[np.ndarray] = []
    begun = time.perf_counter()

    def named(values: np.ndarray) -> dict[str, float]:
        return {name: float(value) for name, value in zip(objective.terms, values, strict=True)}

    for step, batch in enumerate(data, first + 1):
        run.before_step(step - 1)
        if step - 1 == run.frozen_from > first:
            step_on = train_step(model, run, objective, moving, training=False)
        values = step_on(batch).numpy()
        if not np.isfinite(values).all():
            raise _not_finite(step, latest, run)
        recent.append(values)
        seen = (step - first) * run.recipe.train.batch_size
        losses = named(values)
        run.progress(Progress(run.stage, step, run.steps, losses, seen / (time.perf_counter() - begun)))
        if writer:
            _log(writer, step, losses)
        if step == run.steps:
            moving.put_averages_into(model)
        if step % run.recipe.train.checkpoint_every == 0 or step == run.steps:
            if not all(np.isfinite(v.numpy()).all() for v in model.weights if v.dtype.is_floating):
                raise _not_finite(step, latest, run)
            means = named(np.mean(recent, axis=0))
            latest = store.save(run.info(step, means, objective), model.weights, moving.state)
            recent = []
    return latest


def train_step(model: keras.Model, run: Run, objective: Objective, moving: Moving, training: bool = True) -> Any:
    """One optimizer step on a (possibly distributed) batch; gives the mean losses in the order of the terms.

    Without *training*, batch norm computes with its moving statistics and leaves them as they are.
    """
    batch_size = run.recipe.train.batch_size
    micro_batches = sizes(model, batch_size, run.strategy)
    call = run.task.caller(model, training=training)

    def gradients_of(batch: Mapping[str, Any]) -> tuple[list[Any], Any]:
        with tf.GradientTape() as tape, space_to_depth_convolutions(model):
            losses = objective.of_network(batch, call)
            total = tf.nn.compute_average_loss(losses["total"], global_batch_size=batch_size)
        gradients = tape.gradient(total, model.trainable_variables)
        return gradients, tf.stack([tf.reduce_sum(losses[name]) / batch_size for name in objective.terms])

    def replica_step(batch: Mapping[str, Any]) -> Any:
        found = [gradients_of(part) for part in _divided(batch, micro_batches)]
        gradients = [tf.add_n(parts) for parts in zip(*(gradients for gradients, _ in found), strict=True)]
        moving.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return tf.add_n([values for _, values in found])

    # Nothing branches on a tensor: AutoGraph would rewrite the source of every function, for seconds and nothing.
    @tf.function(reduce_retracing=True, autograph=False)
    def step(batch: Any) -> Any:
        values = run.strategy.run(replica_step, args=(batch,))
        for average, variable in zip(moving.averages, model.trainable_variables, strict=bool(moving.averages)):
            average.assign_sub((1 - momentum(run.ema, moving.optimizer.iterations)) * (average - variable))
        return run.strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)

    return step


def _divided(batch: Mapping[str, Any], sizes: Sequence[int]) -> list[Mapping[str, Any]]:
    """*batch* in parts of these *sizes*."""
    if len(sizes) == 1:
        return [batch]
    parts = {name: tf.split(tensor, sizes) for name, tensor in batch.items()}
    return [{name: tensors[index] for name, tensors in parts.items()} for index in range(len(sizes))]


def momentum(most: float, step: Any) -> Any:
    """Momentum of the moving average at *step*: below *most* at first, so that the start is soon forgotten."""
    step = tf.cast(step, tf.float32)
    return tf.minimum(most, (1 + step) / (10 + step))


def _log_writer(folder: Path) -> Any:
    try:
        return tf.summary.create_file_writer(str(folder))
    except tf.errors.OpError as error:
        raise OutputError(f"cannot write TensorBoard logs to {folder}. Choose a folder that can be written.") from error


def _log(writer: Any, step: int, losses: dict[str, float]) -> None:
    """Scalars as TensorBoard shows them; ``tf.summary.scalar`` would ask for TensorBoard itself to write them."""
    plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
    metadata = tf.compat.v1.SummaryMetadata(data_class="DATA_CLASS_SCALAR", plugin_data=plugin)
    with writer.as_default(step):
        for name, value in losses.items():
            tf.summary.write(f"loss/{name}", value, metadata=metadata)
    writer.flush()


def _not_finite(step: int, latest: Checkpoint, run: Run) -> TrainingError:
    return TrainingError(
        f"the loss is not finite at step {step}; the checkpoint of step {latest.info.step} is kept: {latest.path}.\n"
        f"Try a learning_rate below {run.learning_rate:g}, smaller weights, or another seed."
    )
