"""The class of the recipes of each task. A new task adds its file and a row here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from export_pipeline.errors import RecipeError, near
from export_pipeline.recipe.segmentation import SegmentationRecipe
from export_pipeline.recipe.style_transfer import StyleTransferRecipe
from export_pipeline.recipe.whole import Recipe

DEFAULT_TASK = "style_transfer"
CLASSES: dict[str, type[Recipe]] = {"style_transfer": StyleTransferRecipe, "segmentation": SegmentationRecipe}


def recipe_class(data: Mapping[str, Any], where: str = "recipe") -> type[Recipe]:
    """The class of the recipe that *data* is, by its task.

    Raises:
        RecipeError: there is no such task.
    """
    task = data.get("task", DEFAULT_TASK)
    if not isinstance(task, str) or task not in CLASSES:
        raise RecipeError(f"{where}: task is {task!r}; {near(str(task), CLASSES)}")
    return CLASSES[task]
