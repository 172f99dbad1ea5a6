"""Crops of all that a loss network sees: photographs, paintings, and what lies between them.

Crop number *i* is a pure function of the seed and *i*, so that a run that is resumed sees what it would have seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from export_pipeline.base.files import names_sha256
from export_pipeline.errors import CheckpointError
from export_pipeline.recipe import BUILTIN
from export_pipeline.recipe.distill import SHORT_SIDE, DistillRecipe
from export_pipeline.tasks.builtin import style_image
from export_pipeline.tasks.photographs import Photographs, builtin_photographs, folder_photographs
from export_pipeline.train.checkpoint import Checkpoint

HELD_CROPS = 24


@dataclass(frozen=True)
class StyleNetwork:
    """A trained network: *stylize* turns ``(1, H, W, 3)`` RGB 0..255 into the same; *sha256* is of its checkpoint.

    It mirrors an image by *margin* pixels of its own resolution, which is *rho* times the image's.
    """

    sha256: str
    stylize: Callable[[np.ndarray], Any]
    margin: int = 0
    rho: float = 1.0

    @classmethod
    def open(cls, path: Path) -> StyleNetwork:
        """The network of the checkpoint *path*.

        Raises:
            CheckpointError: it cannot be read, or is of a network in the middle of compression.
        """
        import tensorflow as tf

        from export_pipeline.train import restored

        checkpoint = Checkpoint.open(path)
        network = restored(checkpoint)
        stylize = tf.function(lambda image: network(image, training=False), reduce_retracing=True)
        table = checkpoint.info.recipe.model
        return cls(checkpoint.sha256, stylize, getattr(table, "margin", 0), getattr(table, "rho", 1.0))


@dataclass(frozen=True)
class Material:
    """What crops are cut from."""

    photographs: Photographs
    paintings: Photographs
    held: Photographs
    style_networks: tuple[StyleNetwork, ...] = ()

    @property
    def sha256(self) -> str:
        """Of the names of what is trained on, and of the style networks."""
        networks = [network.sha256 for network in self.style_networks]
        return names_sha256([*self.photographs.names, "", *self.paintings.names, *networks])

    @classmethod
    def of(cls, recipe: DistillRecipe) -> Material:
        """What *recipe* names.

        Raises:
            ImageError, UsageError: a folder has no images, or none is left to train on.
            CheckpointError: a style network cannot be read, or mirrors an image by more than a crop has.
        """

        def found(named: str, builtin: Callable[[], Photographs]) -> Photographs:
            return builtin() if named == BUILTIN else folder_photographs(recipe.path(named))

        def own_painting() -> Photographs:
            painting = style_image()
            return Photographs(("builtin",), lambda index: painting)

        photographs = found(recipe.content, builtin_photographs)
        training, held = photographs.split(recipe.hold_out)
        paintings = found(recipe.paintings, own_painting)
        networks = tuple(StyleNetwork.open(recipe.path(named)) for named in recipe.style_networks)
        least = min((phase.crop for phase in recipe.phases if phase.painted), default=math.inf)
        for named, network in zip(recipe.style_networks, networks, strict=True):
            if network.rho * least <= network.margin:
                raise CheckpointError(
                    f"{recipe.path(named)} mirrors an image by {network.margin} pixels, and painted crops have {least}"
                    "; take larger crops, or another style network."
                )
        return cls(training, paintings, held, networks)


def crop_of(image: np.ndarray, side: int, random: np.random.Generator) -> np.ndarray:
    """A square of *image* at a random scale: ``(side, side, 3)`` float32, 0..255."""
    short = int(random.integers(*SHORT_SIDE, endpoint=True))
    scale = short / min(image.shape[:2])
    height, width = (max(side, round(length * scale)) for length in image.shape[:2])
    top, left = int(random.integers(height - side + 1)), int(random.integers(width - side + 1))
    # Only what is cut out is resized.
    box = (left / scale, top / scale, (left + side) / scale, (top + side) / scale)
    box = (box[0], box[1], min(box[2], image.shape[1]), min(box[3], image.shape[0]))
    cut = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC, box=box)
    found = np.asarray(cut, np.float32)
    return found[:, ::-1] if random.random() < 0.5 else found


def varied_crop(material: Material, seed: int, index: int, side: int, painted: float = 0.0) -> np.ndarray:
    """Crop number *index* of the stream of *seed*: ``(side, side, 3)`` float32, 0..255.

    A loss network sees photographs, paintings, and all that a style network makes on its way from one to the other. So
    a crop is a photograph's, a painting's or a blend of both, half of them in other colours, a quarter of them noisy.
    The share *painted* of them is then stylized by one of the style networks, half of those blended with what it was.
    """
    random = np.random.default_rng([seed, 2, index])
    photograph = crop_of(material.photographs[int(random.integers(len(material.photographs)))], side, random)
    painting = crop_of(material.paintings[int(random.integers(len(material.paintings)))], side, random)
    share = random.choice([0.0, 1.0, random.random()], p=[0.4, 0.25, 0.35])
    image = (1 - share) * photograph + share * painting
    if random.random() < 0.5:
        mixing = np.eye(3) + random.normal(0, 0.25, (3, 3))
        image = (image - 128) @ mixing * random.uniform(0.6, 1.4) + 128 + random.normal(0, 24, 3)
    if random.random() < 0.25:
        image = image + random.normal(0, random.uniform(2, 24), image.shape)
    clipped: np.ndarray = np.clip(image, 0, 255).astype(np.float32)
    if painted and random.random() < painted:
        network = material.style_networks[int(random.integers(len(material.style_networks)))]
        picture = network.stylize(clipped[None])[0].numpy()
        share = random.choice([1.0, random.random()])
        clipped = (share * picture + (1 - share) * clipped).astype(np.float32)
    return clipped


def held_crops(material: Material, count: int = HELD_CROPS, side: int = SHORT_SIDE[0]) -> np.ndarray:
    """Crops of held-out photographs, the same for every recipe: ``(count, side, side, 3)`` float32."""
    random = np.random.default_rng(3)
    return np.stack([crop_of(material.held[index % len(material.held)], side, random) for index in range(count)])
