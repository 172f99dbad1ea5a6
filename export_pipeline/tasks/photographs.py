"""Training photographs as an endless, resumable stream of random crops.

Crop number *i* is a pure function of the seed and *i*: which photograph, which scale, where, mirrored or
not. A run that is resumed at step *s* starts the stream at crop ``s * batch_size`` and sees what the
interrupted run would have seen.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from export_pipeline.base.files import sha256_of
from export_pipeline.base.images import images_below, list_images, load_image, load_photograph
from export_pipeline.errors import ImageError, UsageError
from export_pipeline.recipe import BUILTIN, PerceptualRecipe, StyleTransferRecipe

MOST_NAMED = 8  # files that a warning names
CACHE_BYTES = 2**30  # of decoded photographs


@dataclass(frozen=True)
class Photographs:
    """Named photographs, each loaded when it is asked for, as ``(H, W, 3)`` uint8 RGB."""

    names: tuple[str, ...]
    load: Callable[[int], np.ndarray]
    unread: tuple[str, ...] = ()

    @property
    def skipped(self) -> int:
        """How many files beside them could not be read; ``unread`` has their names."""
        return len(self.unread)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.load(index)

    def split(self, hold_out: int) -> tuple[Photographs, Photographs]:
        """All but the last *hold_out* photographs, and those."""
        if hold_out >= len(self):
            raise UsageError(f"hold_out is {hold_out} of {len(self)} photographs; leave at least one to train on")
        first = len(self) - hold_out
        held = Photographs(self.names[first:], lambda index: self.load(first + index))
        return Photographs(self.names[:first], self.load, self.unread), held


def joined(parts: Sequence[Photographs]) -> Photographs:
    """The photographs of *parts*, in their order."""
    if len(parts) == 1:
        return parts[0]
    places = [(part, index) for part in parts for index in range(len(part))]
    names = tuple(name for part in parts for name in part.names)
    return Photographs(
        names, lambda index: places[index][0][places[index][1]], tuple(one for part in parts for one in part.unread)
    )


@cache
def folder_photographs(folder: Path, of_any_size: bool = False) -> Photographs:
    """The images in *folder*, in name order; unreadable ones are skipped with a warning that names them.

    Each image is read once to find out, and only once in a process: the folder is not looked at again. Those smaller
    than a photograph may be cannot be read, but *of_any_size*: networks of other tasks may take such.

    Raises:
        ImageError: no folder, no image in it, or none that can be read.
    """
    paths = list_images(folder)
    good, bad, largest = [], [], 0
    read = load_image if of_any_size else load_photograph
    for path in paths:
        try:
            largest = max(largest, read(path).nbytes)
            good.append(path)
        except ImageError as error:
            bad.append(error)
    if not good:
        raise ImageError(f"none of the {len(paths)} images in {folder} can be read; the first: {bad[0]}")
    unread = tuple(str(error) for error in bad)
    if bad:
        more = f"; and {len(bad) - MOST_NAMED} more" if len(bad) > MOST_NAMED else ""
        named = "; ".join(unread[:MOST_NAMED])
        warnings.warn(f"skipped {len(bad)} of {len(paths)} images in {folder}: {named}{more}", stacklevel=2)
    if below := images_below(folder):
        warnings.warn(
            f"{below} images in folders below {folder} are not read; put them beside the others", stacklevel=2
        )
    load = lru_cache(max(1, CACHE_BYTES // largest))(lambda index: load_image(good[index]))
    # Names alone: what is recorded must not depend on where the folder lies.
    return Photographs(tuple(path.name for path in good), load, tuple(p.name for p in paths if p not in good))


def builtin_photographs() -> Photographs:
    """The photographs that lie in the wheels of scikit-image and scikit-learn."""
    from export_pipeline.tasks.builtin import photographs

    found = photographs()
    names = tuple(sorted(found))
    return Photographs(names, lambda index: found[names[index]])


def photographs(recipe: PerceptualRecipe) -> tuple[Photographs, Photographs]:
    """Training and validation photographs that *recipe* names."""
    content, hold_out = recipe.train.content, recipe.train.hold_out
    found = builtin_photographs() if content == BUILTIN else folder_photographs(recipe.path(content))
    training, held = found.split(hold_out)
    more = [folder_photographs(recipe.path(written)) for written in recipe.train.more_content]
    training = joined([training, *more])
    if recipe.verify.content is not None:
        held = folder_photographs(recipe.path(recipe.verify.content))
    elif not hold_out:
        held = builtin_photographs()
    return training, held


def style_image(recipe: StyleTransferRecipe) -> np.ndarray:
    """The style image that *recipe* names, ``(H, W, 3)`` uint8 RGB."""
    if recipe.train.style == BUILTIN:
        from export_pipeline.tasks import builtin

        return builtin.style_image()
    return load_photograph(recipe.path(recipe.train.style))


def random_crop(
    photos: Sequence[np.ndarray] | Photographs, seed: int, index: int, crop: int, sides: tuple[float, float] = (1, 2)
) -> np.ndarray:
    """Crop number *index* of the stream of *seed*: ``(crop, crop, 3)`` float32, 0..255.

    The photograph is resized first, to a short side between *sides* crops.
    """
    epoch, position = divmod(index, len(photos))
    order = np.random.default_rng([seed, 0, epoch]).permutation(len(photos))
    random = np.random.default_rng([seed, 1, index])
    photo = photos[int(order[position])]
    short = round(crop * random.uniform(*sides))
    height, width = photo.shape[:2]
    scale = short / min(height, width)
    height, width = max(crop, round(height * scale)), max(crop, round(width * scale))
    resized = Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC)
    top, left = int(random.integers(height - crop + 1)), int(random.integers(width - crop + 1))
    cut = np.asarray(resized, np.float32)[top : top + crop, left : left + crop]
    return np.ascontiguousarray(cut[:, ::-1] if random.random() < 0.5 else cut)


def crops(photos: Photographs, recipe: PerceptualRecipe, first_step: int, last_step: int) -> Any:
    """A ``tf.data.Dataset`` of batches ``(batch_size, crop, crop, 3)`` float32 for the steps asked for."""
    import tensorflow as tf

    table = recipe.train

    def load(index: Any) -> np.ndarray:
        return random_crop(photos, recipe.seed, int(index), table.crop, table.short_side)

    def load_tensor(index: Any) -> Any:
        image = tf.numpy_function(load, [index], tf.float32, stateful=False)
        return tf.ensure_shape(image, (table.crop, table.crop, 3))

    indices = tf.data.Dataset.range(first_step * table.batch_size, last_step * table.batch_size)
    return indices.map(load_tensor, num_parallel_calls=2, deterministic=True).batch(table.batch_size).prefetch(2)


def images_sha256(folder: Path) -> dict[str, str]:
    """Of each image file in *folder* that may be read, by name. The bytes tell as much as the pixels, and sooner."""
    return {path.name: sha256_of(path) for path in list_images(folder) if os.access(path, os.R_OK)}
