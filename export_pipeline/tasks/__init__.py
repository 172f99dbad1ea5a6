"""Tasks: what a network is for. One file each; a recipe names one with its key ``task``."""

from __future__ import annotations

from importlib import import_module

from export_pipeline.recipe import Recipe
from export_pipeline.tasks.task import Origin, Task

__all__ = ["TASKS", "Origin", "Task", "open_task"]

# Module and class of each task, loaded when a recipe asks for it.
TASKS = {
    "style_transfer": ("export_pipeline.tasks.style_transfer", "StyleTransfer"),
    "arbitrary_style": ("export_pipeline.tasks.arbitrary_style", "ArbitraryStyle"),
    "segmentation": ("export_pipeline.tasks.segmentation", "Segmentation"),
    "parity": ("export_pipeline.tasks.parity", "Parity"),
}


def open_task(recipe: Recipe, origin: Origin | None = None) -> Task:
    """The task of *recipe*, with what the recipe names read in.

    Args:
        origin: of the network, where it is taken over as it is.

    Raises:
        ImageError, RecipeError: something that it names cannot be read.
    """
    module, name = TASKS[recipe.task]
    task: type[Task] = getattr(import_module(module), name)
    return task.open(recipe, origin)
