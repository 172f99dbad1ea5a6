"""Turning by EXIF orientation, fitting and letterboxing, as pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from export_pipeline.base.images import fit
from tests.apps.generate.drawing import noisy, numbered, png
from tests.apps.generate.geometry import letterbox

FITS = [("same", (24, 32), (24, 32)), ("wider", (40, 30), (24, 32)), ("taller", (30, 61), (24, 32))]
FITS += [("odd", (25, 32), (24, 32)), ("up", (7, 5), (24, 32)), ("down", (121, 90), (24, 32)), ("one", (1, 1), (4, 4))]


def turned(picture: np.ndarray, orientation: int) -> np.ndarray:
    """*picture* as it is shown when its file says EXIF *orientation*, by Pillow."""
    image = Image.fromarray(picture)
    image.getexif()[0x0112] = orientation
    return np.array(ImageOps.exif_transpose(image))


def boxed(picture: np.ndarray, target: tuple[int, int]) -> np.ndarray:
    """The whole *picture* inside *target* (width, height); its edge pixels go on over the border."""
    left, top, width, height = letterbox((picture.shape[1], picture.shape[0]), target)
    inner = np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))
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
        for kind, found, kept in (
            ("fit", fit(picture, target[1], target[0]), fits),
            ("box", boxed(picture, target), letterboxes),
        ):
            save(f"pictures/{name}_{kind}.png", png(found))
            kept.append({**case, "expected": f"pictures/{name}_{kind}.png"})
    return {"max_abs": 0, "rotations": rotations, "fits": fits, "letterboxes": letterboxes}
