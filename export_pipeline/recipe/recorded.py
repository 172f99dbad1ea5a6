"""Recipes on record: in manifests, checkpoints and reports, also those of versions that had fewer keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import BeforeValidator

from export_pipeline.errors import RecipeError
from export_pipeline.recipe.classes import CLASSES
from export_pipeline.recipe.style_transfer import StyleTransferRecipe
from export_pipeline.recipe.whole import Recipe, recipe_class


def _read(data: Any) -> Any:
    """A recipe on record gives every key that there was when it was written.

    One that names no style loss was trained on Gram matrices, and one that names no loss network with VGG-19 and
    without a moving average: there was nothing else.
    """
    if not isinstance(data, Mapping):
        return data
    try:
        kind = recipe_class(data)
    except RecipeError as error:
        raise ValueError(str(error)) from error
    train = data.get("train", {})
    if kind is not StyleTransferRecipe or not isinstance(train, Mapping) or "style_loss" in train:
        return kind.model_validate(dict(data))
    before: dict[str, Any] = {"style_loss": "gram"}
    if "loss_network" not in train:
        before |= {"loss_network": "vgg19", "ema": 0.0}
    return kind.model_validate({**data, "train": {**before, **train}})


# The type of a field that holds one: the class is that of the recipe's task.
if TYPE_CHECKING:
    RecordedRecipe = Recipe
else:
    RecordedRecipe = Annotated[Union[tuple(CLASSES.values())], BeforeValidator(_read)]  # noqa: UP007 - made at run time
