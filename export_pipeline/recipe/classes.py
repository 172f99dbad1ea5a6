"""The class of the recipes of each task, all of them loaded."""

from __future__ import annotations

from export_pipeline.recipe.whole import RECIPES, Recipe, recipe_class

CLASSES: dict[str, type[Recipe]] = {task: recipe_class({"task": task}) for task in RECIPES}
