"""What the stages need of one another, handed over as functions: they never import each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np

    from export_pipeline.compress import Tools
    from export_pipeline.train import Checkpoint
    from export_pipeline.train.fit import Progress
    from export_pipeline.verify import StyleJudge


def checked_recipe(recipe: Recipe, plan_bytes: int | None = None, *, to_train: bool = False) -> Recipe:
    """*recipe* as the train stage takes it, and what it says of compression held against its network.

    Args:
        plan_bytes: a plan is to be made for so many bytes; the one that the recipe names is not looked at.
        to_train: it will be trained in this process, whose threads are chosen for it.

    Raises:
        ImageError, CheckpointError: the style, the photographs or the warm start cannot be read.
        RecipeError: it names a layer that its network does not have or may lose, takes out more than there is, or
            names a plan that is not of this network, or fewer bytes than its network can have.
    """
    from export_pipeline.train import checked, network
    from export_pipeline.train.shares import one_thread_an_operation

    recipe = checked(recipe)
    if to_train:
        one_thread_an_operation(recipe)  # before a network starts TensorFlow
    table = recipe.compress
    plan = recipe.path(table.plan) if table.plan and plan_bytes is None else None
    weight_bytes = table.weight_bytes if plan_bytes is None else plan_bytes
    structured = table.structured.blocks or table.structured.rounds
    if structured or table.layers or table.skip or plan or weight_bytes is not None:
        from export_pipeline.compress import check_table

        check_table(network(recipe), table, plan, weight_bytes)
    return recipe


def style_judge(recipe: Recipe) -> StyleJudge:
    """The judge of the verify stage, with what the train stage reads of *recipe*."""
    from export_pipeline.perception.vgg_weights import vgg_weights
    from export_pipeline.train import style_image
    from export_pipeline.verify import StyleJudge

    return StyleJudge(vgg_weights(recipe), style_image(recipe))


def judge_of_files(recipe: Recipe) -> StyleJudge | None:
    """:func:`style_judge`, or ``None`` where *recipe* wants no download for it and there is one to make."""
    from export_pipeline.perception.vgg_weights import at_hand

    return style_judge(recipe) if recipe.verify.judge == "always" or at_hand(recipe) else None


def compress_tools(
    recipe: Recipe,
    trained: Checkpoint,
    folder: Path,
    say: Callable[[str], None],
    on_step: Callable[[Progress], None],
    tensorboard: Path | None,
) -> Tools:
    """What the compress stage needs: fine-tuning in folders of its own below *folder*, photographs and a judge."""
    from export_pipeline import train
    from export_pipeline.base.images import fit
    from export_pipeline.compress import Tools
    from export_pipeline.records.rounds import Quality

    def tune(
        model: Any,
        recipe: Recipe,
        part: str,
        steps: int,
        learning_rate: float,
        before_step: Callable[[int], None] = lambda step: None,
        bits: Mapping[str, int] | None = None,
    ) -> None:
        say(f"compress: {part}, {steps} steps")
        tuning = train.Tuning(part, steps, learning_rate, before_step, bits or {})
        train.fine_tune(model, recipe, folder / part, trained, tuning, on_step, tensorboard)

    @cache
    def judged() -> tuple[StyleJudge, list[np.ndarray]]:
        size, held = recipe.signature, train.validation_photographs(recipe)
        return style_judge(recipe), [fit(photo, size.height, size.width) for photo in held]

    def quality(model: Any) -> Quality:
        judge, photographs = judged()
        found = judge.quality(model, photographs)
        return Quality(style_distance=found.style_distance, content_distance=found.content_distance)

    return Tools(
        train=tune,
        judge=quality,
        photographs=lambda count: train.training_squares(recipe, count),
        squared_gradients=lambda model, variables: train.squared_gradients(model, recipe, variables),
        say=say,
    )
