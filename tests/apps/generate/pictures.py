"""Turning by EXIF orientation, fitting and letterboxing, as pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from tests.apps.generate.drawing import noisy, numbered, png
from tests.apps.generate.geometry import crop_box, letterbox

FITS = [("same", (24, 32), (24, 32)), ("wider", (40, 30), (24, 32)), ("taller", (30, 61), (24, 32))]
FITS += [("odd", (25, 32), (24, 32)), ("up", (7, 5), (24, 32)), ("down", (121, 90), (24, 32)), ("one", (1, 1), (4, 4))]


def turned(picture: np.ndarray, orientation: int) -> np.ndarray:
    """*picture* as it is shown when its file says EXIF *orientation*, by Pillow."""
    image = Image.fromarray(picture)
    image.getexif()[0x0112] = orientation
    return np.array(ImageOps.exif_transpose(image))


def resized(
    picture: np.ndarray, target: tuple[int, int], box: Sequence[float], across_first: bool = True
) -> np.ndarray:
    """*box* of *picture* at *target* (width, height) by Pillow's Lanczos filter, one axis after the other.

    Which axis Pillow itself takes first depends on its version: from 13 on, tall pictures go down first. An app goes
    across first, always.
    """
    left, top, right, bottom = box

    def across(image: Image.Image) -> Image.Image:
        return image.resize((target[0], image.height), Image.Resampling.LANCZOS, (left, 0, right, image.height))

    def down(image: Image.Image) -> Image.Image:
        return image.resize((image.width, target[1]), Image.Resampling.LANCZOS, (0, top, image.width, bottom))

    image = Image.fromarray(picture)
    return np.array(down(across(image)) if across_first else across(down(image)))


def fitted(picture: np.ndarray, target: tuple[int, int], across_first: bool = True) -> np.ndarray:
    """*picture* as ``base.images.fit`` brings it to *target* (width, height)."""
    box = crop_box((picture.shape[1], picture.shape[0]), target)
    return resized(picture, target, box, across_first)


def boxed(picture: np.ndarray, target: tuple[int, int]) -> np.ndarray:
    """The whole *picture* inside *target* (width, height); its edge pixels go on over the border."""
    left, top, width, height = letterbox((picture.shape[1], picture.shape[0]), target)
    inner = resized(picture, (width, height), (0, 0, picture.shape[1], picture.shape[0]))
    after = (target[1] - height - top, target[0] - width - left)
    return np.pad(inner, ((top, after[0]), (left, after[1]), (0, 0)), mode="edge")


def cases(save: Callable[[str, bytes], None]) -> dict[str, Any]:
    """The cases of ``pictures.json``; sizes are ``[width, height]``."""
    source = numbered(5, 7)
    save("pictures/numbered.png", png(source))
    rotations, fits, letterboxes = [], [], []
    for orientation in range(1, 9):
        name = f"pictures/orientation_{orientation}.png"
        save(name, png(turned(source, orientation)))
        rotations.append({"orientation": orientation, "source": "pictures/numbered.png", "expected": name})
    for seed, (name, size, target) in enumerate(FITS):
        picture = noisy(size[1], size[0], seed)
        case = {"source": f"pictures/{name}.png", "target": target}
        save(case["source"], png(picture))
        for kind, make, kept in (("fit", fitted, fits), ("box", boxed, letterboxes)):
            save(f"pictures/{name}_{kind}.png", png(make(picture, target)))
            kept.append({**case, "expected": f"pictures/{name}_{kind}.png"})
    return {"max_abs": 0, "rotations": rotations, "fits": fits, "letterboxes": letterboxes}
