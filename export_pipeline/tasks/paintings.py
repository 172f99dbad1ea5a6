"""Paintings to learn styles from, and the variants that make many styles of few paintings.

Variant number *i* is a pure function of the seed and *i*. The first are the paintings as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from export_pipeline.errors import RecipeError, near
from export_pipeline.recipe import BUILTIN, ArbitraryStyleRecipe
from export_pipeline.recipe.arbitrary_style import ArbitraryStyleTrainTable
from export_pipeline.tasks.painted import painted
from export_pipeline.tasks.photographs import Photographs, folder_photographs, joined

LEAST_SHARE = 0.35  # of each side of a painting that is cut out
# Standard deviations of what is done to the colours: turned about the gray axis (radians), and stretched.
TURN, STRETCH, CONTRAST, BRIGHTNESS = 0.8, 0.35, 0.25, 0.1
LEAST_VARIANCE = 1e-4  # of colours, 0..1: an image in gray has none in two directions


@dataclass(frozen=True)
class Paintings:
    """Those to train on, and those that are held out to judge on; of the latter the same where none is held out."""

    training: Photographs
    held: Photographs


def paintings(recipe: ArbitraryStyleRecipe) -> Paintings:
    """The paintings that *recipe* names.

    Raises:
        ImageError: a folder is missing or holds no image that can be read.
        RecipeError: a painting that is to be held out is not there, none is left, or there are more than styles.
    """
    table = recipe.train
    if table.styles == BUILTIN:
        found = joined([_builtin(), *(folder_photographs(recipe.path(written)) for written in table.more_styles)])
    else:
        folders = (table.styles, *table.more_styles)
        found = joined([folder_photographs(recipe.path(written)) for written in folders])
    for name in table.hold_out_styles:
        if name not in found.names:
            raise RecipeError(f"train.hold_out_styles names {name!r}, which is no painting; {near(name, found.names)}")
    held = [index for index, name in enumerate(found.names) if name in table.hold_out_styles]
    rest = [index for index in range(len(found)) if index not in held]
    if not rest:
        raise RecipeError("train.hold_out_styles leaves no painting to train on; name fewer")
    if len(rest) > table.style_variants:
        raise RecipeError(
            f"train.style_variants is {table.style_variants}, and there are {len(rest)} paintings to train on, each of "
            f"which is one as it is; set {len(rest)} or more, or hold more out by train.hold_out_styles"
        )
    training = _some(found, rest)
    return Paintings(training, _some(found, held) if held else training)


def _builtin() -> Photographs:
    from export_pipeline.tasks import builtin

    return Photographs(("builtin",), lambda index: builtin.style_image())


def _some(of: Photographs, indices: list[int]) -> Photographs:
    return Photographs(tuple(of.names[index] for index in indices), lambda index: of[indices[index]], of.unread)


def variants(recipe: ArbitraryStyleRecipe, from_paintings: Photographs, photographs: Photographs) -> list[np.ndarray]:
    """The styles that *recipe* trains on, ``(style_size, style_size, 3)`` uint8 each.

    First every painting as it is; then paintings, and by the recipe's shares photographs and photographs in simulated
    brush strokes, that are cut, mirrored, turned and given other colours.
    """
    table = recipe.train
    return [_variant(recipe.seed, index, from_paintings, photographs, table) for index in range(table.style_variants)]


def _variant(
    seed: int, index: int, of: Photographs, photographs: Photographs, table: ArbitraryStyleTrainTable
) -> np.ndarray:
    side = table.style_size
    if index < len(of):
        return squared(of[index], side)
    random = np.random.default_rng([seed, 2, index])
    kind, painting = random.random() - table.painted_photographs, of[index % len(of)]
    taken = kind < table.photographs_as_styles
    image = photographs[int(random.integers(len(photographs)))] if taken else painting
    rows, columns = (_part(length, random) for length in image.shape[:2])
    cut = _seen_from_another_side(squared(image[rows, columns], side), random)
    if kind < 0:
        cut = painted(with_colors_of(painting, cut) if random.random() < 0.5 else cut, random)
    return recolored(cut, random) if random.random() < 0.75 else np.ascontiguousarray(cut)


def _seen_from_another_side(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A square *image*, mirrored and turned by right angles in one of the eight ways."""
    image = image[:, ::-1] if random.random() < 0.5 else image
    return np.rot90(image, int(random.integers(4)))


def _part(length: int, random: np.random.Generator) -> slice:
    """Somewhere in *length*, at least :data:`LEAST_SHARE` of it."""
    part = round(length * random.uniform(LEAST_SHARE, 1))
    first = int(random.integers(length - part + 1))
    return slice(first, first + part)


def squared(image: np.ndarray, side: int) -> np.ndarray:
    """*image* ``(H, W, 3)`` uint8 resized to *side* pixels each way, as a style is looked at."""
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS))


def with_colors_of(painting: np.ndarray, image: np.ndarray) -> np.ndarray:
    """*image* ``(H, W, 3)`` uint8 with the mean and the covariance of the colours of *painting*, uint8."""
    wanted, pixels = painting.reshape(-1, 3) / 255, image.reshape(-1, 3) / 255
    matrix = _root(_covariance(wanted), 0.5) @ _root(_covariance(pixels), -0.5)
    made = (pixels - pixels.mean(0)) @ matrix.T + wanted.mean(0)
    found: np.ndarray = np.rint(np.clip(made, 0, 1) * 255).astype(np.uint8).reshape(image.shape)
    return found


def _covariance(pixels: np.ndarray) -> np.ndarray:
    return np.cov(pixels.T) + LEAST_VARIANCE * np.eye(3)


def _root(matrix: np.ndarray, power: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    found: np.ndarray = vectors * values**power @ vectors.T
    return found


def recolored(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """*image* ``(H, W, 3)`` uint8 with colours turned about the gray axis, stretched, and made lighter or darker."""
    gray = np.full(3, 3**-0.5)
    turned = _rotation(gray, random.normal(0, TURN))
    hue = np.diag(np.exp(random.normal(0, STRETCH, 3)))
    of_gray = np.outer(gray, gray)
    matrix = of_gray * np.exp(random.normal(0, CONTRAST)) + (np.eye(3) - of_gray) @ hue @ turned @ (np.eye(3) - of_gray)
    pixels = image.reshape(-1, 3) / 255
    middle = pixels.mean(0)
    level = middle @ of_gray + (middle - middle @ of_gray) @ turned.T
    made = (pixels - middle) @ matrix.T + level + random.normal(0, BRIGHTNESS)
    found: np.ndarray = np.rint(np.clip(made, 0, 1) * 255).astype(np.uint8).reshape(image.shape)
    return found


def _rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """The rotation by *angle*, radians, about the unit vector *axis* (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    found: np.ndarray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return found
