"""Pictures with a mask each: from two folders, or from what comes along; and random crops of them.

Crop number *i* is a pure function of the seed and *i*, as in :mod:`export_pipeline.tasks.photographs`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from export_pipeline.base import images
from export_pipeline.errors import ImageError, UsageError
from export_pipeline.recipe import BUILTIN
from export_pipeline.recipe.segmentation import MNI152, SegmentationRecipe
from export_pipeline.tasks.photographs import CACHE_BYTES

HALF = 127.5  # a pixel above it is in the mask, whatever a mask file's gray values are
TILE = 96  # side of the built-in pictures

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class MaskedImages:
    """Named pictures ``(H, W, 3)`` RGB uint8, each with a mask ``(H, W)`` bool, loaded when they are asked for."""

    names: tuple[str, ...]
    load: Callable[[int], Pair]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Pair:
        return self.load(index)

    def split(self, hold_out: int) -> tuple[MaskedImages, MaskedImages]:
        """All but the last *hold_out*, and those.

        Raises:
            UsageError: there are not more than so many.
        """
        if hold_out >= len(self):
            raise UsageError(f"hold_out is {hold_out} of {len(self)} images; leave at least one to train on")
        first = len(self) - hold_out
        held = MaskedImages(self.names[first:], lambda index: self.load(first + index))
        return MaskedImages(self.names[:first], self.load), held


def masked_images(recipe: SegmentationRecipe) -> tuple[MaskedImages, MaskedImages]:
    """Pictures to train on, and to verify on, that *recipe* names.

    Raises:
        ImageError: one cannot be read, has no mask, or one of another size; or the download failed.
        UsageError: too many are held out.
    """
    table = recipe.train
    if table.images == BUILTIN:
        found = coins()
    elif table.images == MNI152:
        from export_pipeline.tasks.mni152 import slices

        found = slices(str(table.masks))
    else:
        found = folders(recipe.path(table.images), recipe.path(str(table.masks)))
    return found.split(table.hold_out)


@cache
def folders(pictures: Path, masks: Path) -> MaskedImages:
    """The images in *pictures*, in name order, each with the image of the same stem in *masks*.

    Every file is read once to find out, and only once in a process: the folders are not looked at again.

    Raises:
        ImageError: a file cannot be read, a picture has no mask or one of another size, stems are not unique, or no
            mask has anything in it.
    """
    by_stem = _by_stem(masks)
    pairs = []
    for stem, path in _by_stem(pictures).items():
        if stem not in by_stem:
            raise ImageError(f"{path} has no mask: no image in {masks} is called {stem}. Add it, or take it out.")
        pairs.append((path, by_stem[stem]))
    shares, largest = [], 0
    for path, mask_path in pairs:
        picture, mask = _read(path, mask_path)
        shares.append(mask.mean())
        largest = max(largest, picture.nbytes + mask.nbytes)
    if not any(shares):
        raise ImageError(
            f"no mask in {masks} has a pixel above half of white. Save masks as black and white, with values 0 and 255."
        )
    load = lru_cache(max(1, CACHE_BYTES // largest))(lambda index: _read(*pairs[index]))
    return MaskedImages(tuple(path.name for path, _ in pairs), load)


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in images.list_images(folder):
        if path.stem in found:
            raise ImageError(f"{found[path.stem]} and {path.name} have one stem, by which masks are found. Rename one.")
        found[path.stem] = path
    return found


def _read(path: Path, mask_path: Path) -> Pair:
    picture, mask = images.load_image(path), images.load_image(mask_path)
    if picture.shape != mask.shape:
        sizes = " and ".join(f"{shape[1]}x{shape[0]}" for shape in (picture.shape, mask.shape))
        raise ImageError(f"{path} and its mask {mask_path} are {sizes}. Save the mask in the size of the picture.")
    return picture, mask.mean(axis=2) > HALF


@cache
def coins() -> MaskedImages:
    """Twelve pieces, 96 pixels a side, of the photograph of coins that lies in the wheel of scikit-image.

    The masks are where the photograph is brighter than its surroundings (a threshold by Otsu, 1979, on the difference
    to a wide Gaussian), with holes filled.
    """
    import skimage
    from scipy import ndimage
    from skimage import filters

    threshold_otsu: Any = filters.threshold_otsu
    photograph = np.asarray(Image.open(Path(skimage.__file__).parent / "data" / "coins.png").convert("L"), np.float64)
    raised = ndimage.gaussian_filter(photograph, 1) - ndimage.gaussian_filter(photograph, 40)
    mask = ndimage.binary_opening(ndimage.binary_fill_holes(raised > threshold_otsu(raised)), iterations=3)
    rgb = np.repeat(photograph.astype(np.uint8)[..., None], 3, axis=2)
    corners = [(top, left) for top in range(0, 3 * TILE, TILE) for left in range(0, 4 * TILE, TILE)]
    pairs = [(rgb[y : y + TILE, x : x + TILE], mask[y : y + TILE, x : x + TILE]) for y, x in corners]
    return MaskedImages(tuple(f"coins_{index:02}" for index in range(len(pairs))), pairs.__getitem__)


def fitted(pair: Pair, height: int, width: int) -> Pair:
    """Picture and mask resized until they just cover this size, and their centre cut out."""
    picture, mask = pair
    white = np.repeat(np.where(mask, np.uint8(255), np.uint8(0))[..., None], 3, axis=2)
    return images.fit(picture, height, width), images.fit(white, height, width)[..., 0] > HALF


def random_crop(found: MaskedImages, seed: int, index: int, crop: int, sides: tuple[float, float]) -> Pair:
    """Crop number *index* of the stream of *seed*: ``(crop, crop, 3)`` float32 0..255 and ``(crop, crop, 1)`` 0 or 1.

    The picture is resized first, to a short side between *sides* crops; every other one is mirrored.
    """
    epoch, position = divmod(index, len(found))
    order = np.random.default_rng([seed, 0, epoch]).permutation(len(found))
    random = np.random.default_rng([seed, 1, index])
    picture, mask = found[int(order[position])]
    scale = round(crop * random.uniform(*sides)) / min(mask.shape)
    height, width = (max(crop, round(side * scale)) for side in mask.shape)
    top, left = int(random.integers(height - crop + 1)), int(random.integers(width - crop + 1))
    box = (slice(top, top + crop), slice(left, left + crop))
    resized = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
    white = Image.fromarray(np.where(mask, np.uint8(255), np.uint8(0))).resize((width, height))
    cut = np.asarray(resized, np.float32)[box]
    cut_mask = (np.asarray(white)[box] > HALF).astype(np.float32)[..., None]
    step = -1 if random.random() < 0.5 else 1
    return np.ascontiguousarray(cut[:, ::step]), np.ascontiguousarray(cut_mask[:, ::step])


def crops(found: MaskedImages, recipe: SegmentationRecipe, first_step: int, last_step: int) -> Any:
    """A ``tf.data.Dataset`` of pairs of batches, pictures and masks, for the steps asked for."""
    import tensorflow as tf

    table = recipe.train

    def load(index: Any) -> Pair:
        return random_crop(found, recipe.seed, int(index), table.crop, table.short_side)

    def load_tensors(index: Any) -> Any:
        picture, mask = tf.numpy_function(load, [index], (tf.float32, tf.float32), stateful=False)
        shapes = ((table.crop, table.crop, 3), (table.crop, table.crop, 1))
        return tuple(tf.ensure_shape(tensor, shape) for tensor, shape in zip((picture, mask), shapes, strict=True))

    indices = tf.data.Dataset.range(first_step * table.batch_size, last_step * table.batch_size)
    return indices.map(load_tensors, num_parallel_calls=2, deterministic=True).batch(table.batch_size).prefetch(2)
