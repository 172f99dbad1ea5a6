"""What the stages need of one another, handed over as functions: they never import each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.bundle import write_golden
from export_pipeline.errors import CheckFailed
from export_pipeline.recipe import Recipe
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.metric import Values
from export_pipeline.records.parity import ParityResult
from export_pipeline.targets import split_size

if TYPE_CHECKING:
    from export_pipeline.compress import Tools
    from export_pipeline.formats.format import Rounded
    from export_pipeline.tasks import Task
    from export_pipeline.tasks.task import Sample, SampleEvaluator
    from export_pipeline.train import Checkpoint, Listener


def checked_task(recipe: Recipe, plan_bytes: int | None = None, *, to_train: bool = False) -> Task:
    """The task of *recipe*, opened, and what the recipe says of compression held against its network.

    Args:
        plan_bytes: as of :func:`export_pipeline.pipeline.opened`.
        to_train: it will be trained in this process, whose threads are chosen for it.

    Raises:
        ImageError, CheckpointError, RecipeError: as of :func:`export_pipeline.pipeline.opened`.
    """
    from export_pipeline.tasks import open_task
    from export_pipeline.train import network, origin, with_warm_start
    from export_pipeline.train.micro_batches import one_thread_an_operation

    task = open_task(with_warm_start(recipe), origin(recipe))
    recipe = task.recipe
    if to_train:
        one_thread_an_operation(task)  # before a network starts TensorFlow
    table = recipe.compress
    plan = recipe.path(table.plan) if table.plan and plan_bytes is None else None
    weight_bytes = table.weight_bytes if plan_bytes is None else plan_bytes
    changed = table.structured.blocks or table.structured.rounds or table.quantize_aware
    given = task.given()
    looked_at = changed or table.layers or table.skip or plan or weight_bytes is not None
    if looked_at or (given is not None and table.clusters):
        from export_pipeline.compress import check

        check(given.model if given else network(recipe), table, plan, weight_bytes)
    return task


def sized_tasks(task: Task) -> dict[str, Task]:
    """*task* for each size that its recipe exports, by what stands in names of targets; of the first size nothing."""
    further = task.recipe.export.further
    return {"": task, **{size: task.with_recipe(task.recipe.at(size)) for size in further}}


def export_sizes(
    task: Task, model: Any, rounded: Rounded | None, folder: Path, checkpoint_sha256: str, say: Callable[[str], None]
) -> tuple[ExportedModel, ...]:
    """Every target at every size, the first size first; arguments and errors as of ``export.export``."""
    from export_pipeline.export import export

    about: dict[str, Any] = {"checkpoint_sha256": checkpoint_sha256, "title": task.title, "rounded": rounded}
    made: list[ExportedModel] = []
    for size, own in sized_tasks(task).items():
        what = own.signature, folder, own.calibration()
        made += export(model, task.recipe, *what, **about, progress=say, resume=True, size=size)
    return tuple(made)


def verify_sizes(
    task: Task, model: Any, exported: Sequence[ExportedModel], folder: Path, say: Callable[[str], None]
) -> tuple[ParityResult, ...]:
    """Every file against the float network *model* at its own size; errors as of ``verify.verify``."""
    from export_pipeline.verify import verify

    evaluator, rows = task.evaluator(), list[ParityResult]()
    for size, own in sized_tasks(task).items():
        rows += verify(
            folder, [one for one in exported if split_size(one.target)[1] == size], model, own, evaluator, say, size
        )
    return tuple(rows)


def write_golden_sizes(task: Task, model: Any, folder: Path) -> None:
    """Write the golden sample of each size into *folder*, and what the float network *model* makes of it."""
    for size, own in sized_tasks(task).items():
        sample = own.shown()[0]
        write_golden(folder, own.signature, sample.inputs, own.infer(model, sample.inputs), size)


def compress_tools(
    task: Task, trained: Checkpoint, folder: Path, say: Callable[[str], None], listener: Listener
) -> Tools:
    """What the compress stage needs: fine-tuning in folders of its own below *folder*, samples and metrics."""
    from export_pipeline import train
    from export_pipeline.compress import Tools

    def fine_tune(
        model: Any,
        recipe: Recipe,
        part: str,
        steps: int,
        learning_rate: float,
        before_step: Callable[[int], None] = lambda step: None,
        bits: Mapping[str, int] | None = None,
    ) -> None:
        say(f"compress: {part}, {steps} steps")
        tuning = train.FineTuning(part, steps, learning_rate, before_step, bits or {})
        train.fine_tune(model, train.fine_tune_task(task, recipe), folder / part, trained, tuning, listener)

    def squared_gradients(model: Any, variables: Any) -> Any:
        return train.squared_gradients(model, train.fine_tune_task(task, task.recipe), variables)

    return Tools(fine_tune, _evaluation(task), task.examples, squared_gradients, say)


def _evaluation(task: Task) -> Callable[[Any], Values]:
    """The metrics of a Keras network on the validation samples. What no network has a say in is worked out once."""
    from export_pipeline.tasks.task import evaluators, mean_measured

    known: list[tuple[Sample, SampleEvaluator]] = []

    def evaluate(model: Any) -> Values:
        if not known:
            evaluator = task.evaluator()
            if isinstance(evaluator, str):
                raise CheckFailed(f"the network cannot be measured: {evaluator}")
            samples = task.validation()
            known.extend(zip(samples, evaluators(evaluator, samples), strict=True))
        return mean_measured((own, task.infer(model, sample.inputs)) for sample, own in known)

    return evaluate
