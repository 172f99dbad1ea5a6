"""What the stages need of one another, handed over as functions: they never import each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.errors import CheckFailed
from export_pipeline.recipe import Recipe
from export_pipeline.records.metric import Values

if TYPE_CHECKING:
    from export_pipeline.compress import Tools
    from export_pipeline.tasks import Task
    from export_pipeline.tasks.task import Sample, SampleEvaluator
    from export_pipeline.train import Checkpoint, Listener


def opened_task(recipe: Recipe) -> Task:
    """The task of *recipe*, opened. It loads no TensorFlow.

    Raises:
        ImageError, CheckpointError, RecipeError: as of :func:`export_pipeline.pipeline.opened`.
    """
    from export_pipeline.tasks import open_task
    from export_pipeline.train import origin, with_warm_start

    return open_task(with_warm_start(recipe), origin(recipe))


def checked_task(recipe: Recipe, plan_bytes: int | None = None, *, to_train: bool = False) -> Task:
    """An :func:`opened_task`, of which :func:`check_network` has nothing to say.

    Raises:
        ImageError, CheckpointError, RecipeError: as of :func:`export_pipeline.pipeline.opened`.
    """
    task = opened_task(recipe)
    check_network(task, plan_bytes, to_train=to_train)
    return task


def check_network(task: Task, plan_bytes: int | None = None, *, to_train: bool = False) -> None:
    """Hold what the recipe of *task* says of compression against its network.

    Args:
        plan_bytes: as of :func:`export_pipeline.pipeline.opened`.
        to_train: it will be trained in this process, whose threads are chosen for it.

    Raises:
        RecipeError: as of :func:`export_pipeline.pipeline.opened`.
    """
    from export_pipeline.train import network
    from export_pipeline.train.micro_batches import one_thread_an_operation

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
