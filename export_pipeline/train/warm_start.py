"""What a network brings along that a training starts from, or that is taken over as it is."""

from __future__ import annotations

from typing import Any

from export_pipeline.errors import CheckpointError, RecipeError
from export_pipeline.recipe import ModelTable, Recipe
from export_pipeline.tasks import Origin
from export_pipeline.train.checkpoint import Checkpoint

# Settings of a network that change no shape of its weights: a training may begin from other ones.
WITHOUT_WEIGHTS = frozenset({"margin", "rho"})


def with_warm_start(recipe: Recipe) -> Recipe:
    """*recipe*, whose ``[model]`` is that of its warm start where it has none of its own.

    Where it has one, a training may begin from a network of another margin or resolution. Where nothing is trained, the
    keys of ``[train]`` that say what the network is trained to are the warm start's too.

    Raises:
        CheckpointError: the warm start cannot be read, or is of another network.
        RecipeError: what the warm start was trained with does not go together with a key that the recipe names.
    """
    if recipe.train.warm_start is None:
        return recipe
    start = Checkpoint.open(recipe.path(recipe.train.warm_start))
    its = start.info.recipe.model
    if type(its) is not type(recipe.model):
        raise CheckpointError(f"{start.path} is of a network of task {start.info.recipe.task!r}; give one of this task")
    own: ModelTable | Any = recipe.model
    if "model" in recipe.model_fields_set and its != own:
        old, new = its.model_dump(), own.model_dump()
        changed = [key for key in new if new[key] != old[key]]
        if recipe.train.trains and WITHOUT_WEIGHTS.issuperset(changed):
            return recipe
        told = ", ".join(f"{key} is {old[key]!r} there and {new[key]!r} in the recipe" for key in changed)
        raise CheckpointError(
            f"{start.path} is of another network: {told}.\nLeave [model] out to take the checkpoint's."
        )
    update: dict[str, Any] = {"model": its}
    if not recipe.train.trains:
        update["train"] = recipe.train.taking_over(start.info.recipe.train)
    merged = recipe.model_copy(update=update)
    _check_together(recipe, merged, start)
    return merged


def _check_together(recipe: Recipe, merged: Recipe, start: Checkpoint) -> None:
    """Check the keys of a recipe and those of its warm start as if they stood in one file."""
    taken = [key for key in type(merged.train).model_fields if getattr(merged.train, key) != getattr(recipe.train, key)]
    try:
        named = merged.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        Recipe.parse(named, where=f"recipe {recipe.name}")
    except RecipeError as error:
        raise RecipeError(
            f"{error}\nOf these keys, {', '.join(taken) or 'those of [model]'} are those that {start.path} was trained "
            "with; name them in the recipe, or change the others."
        ) from error


def origin(recipe: Recipe) -> Origin | None:
    """Where the network of *recipe* comes from, if it is taken over as it is. *recipe* is as it was written.

    Raises:
        CheckpointError: the warm start cannot be read.
    """
    table = recipe.train
    if table.warm_start is None or table.trains:
        return None
    start = Checkpoint.open(recipe.path(table.warm_start))
    return Origin(table.warm_start, start.info.fingerprint, frozenset(table.inherited))
