"""The style of a network that is taken over as it is: the one that it was trained on, and no other."""

from __future__ import annotations

import warnings

import numpy as np

from export_pipeline.base.images import pixels_sha256
from export_pipeline.errors import ImageError, RecipeError
from export_pipeline.recipe import StyleTransferRecipe
from export_pipeline.tasks.photographs import style_image
from export_pipeline.tasks.task import Origin

STYLE = "style_sha256"


def kept_style(recipe: StyleTransferRecipe, origin: Origin) -> tuple[np.ndarray | None, str]:
    """The style image ``(H, W, 3)`` uint8 RGB of the network that *origin* is of, or ``None`` and why there is none.

    The hash of its pixels decides: a path on record may be of another machine, or lead to another image today. An
    image that the recipe itself names is taken, with a warning where it is another one.

    Raises:
        ImageError, RecipeError: the recipe names an image that cannot be read, or asks for what needs the style.
    """
    style, reason = _inherited(recipe, origin) if "style" in origin.inherited else (_named(recipe, origin), "")
    if style is None and (needing := _needing(recipe)):
        raise RecipeError(f"{', '.join(needing)} cannot do without the style: {reason}")
    return style, reason


def _named(recipe: StyleTransferRecipe, origin: Origin) -> np.ndarray:
    style = style_image(recipe)
    if origin.hashes.get(STYLE) not in (None, "", pixels_sha256(style)):
        warnings.warn(
            f"train.style is {recipe.train.style}, which is not the image that {origin.file} was trained on; "
            "it is judged by it all the same",
            stacklevel=2,
        )
    return style


def _inherited(recipe: StyleTransferRecipe, origin: Origin) -> tuple[np.ndarray | None, str]:
    about = f"the style that {origin.file} was trained on, {recipe.train.style},"
    then = "name that image in train.style"
    wanted = origin.hashes.get(STYLE)
    if not wanted:
        return None, f"{origin.file} does not tell which image its style was; {then}"
    try:
        style = style_image(recipe)
    except (ImageError, RecipeError):
        return None, f"{about} is not here; {then}"
    if pixels_sha256(style) != wanted:
        return None, f"{about} is another image here; {then}"
    return style, ""


def _needing(recipe: StyleTransferRecipe) -> list[str]:
    """What *recipe* asks for that needs a style."""
    budgets = [f"report.budgets.{target}.{name}" for target, b in recipe.report.budgets.items() for name in b.limits]
    return [*recipe.compress.learns, *budgets]
