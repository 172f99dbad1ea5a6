"""Painting a photograph of any size after paintings at hand, by the network of any style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from export_pipeline.base.images import to_uint8
from export_pipeline.errors import CheckpointError
from export_pipeline.recipe import ArbitraryStyleRecipe
from export_pipeline.tasks.arbitrary_style import STRENGTH, STYLE
from export_pipeline.tasks.style_encoding import check_encoder, encode
from export_pipeline.tasks.style_transfer import IMAGE
from export_pipeline.train import restored
from export_pipeline.train.checkpoint import Checkpoint
from export_pipeline.universal.bands import ROWS, Progress, run_in_bands

# Of the bundle that comes along; beside the recipes, as their warm starts are.
RELEASED = Path(__file__).parents[1] / "recipes" / "warm_starts" / "released_universal.safetensors"
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class How:
    """How a photograph is painted.

    Attributes:
        strength: 0 leaves the photograph as it is, 1 has the style in full.
        preserve_colour: only the luminance is painted, and the colours stay the photograph's.
        rows: of a band; fewer take less memory.
    """

    strength: float = 1.0
    preserve_colour: bool = False
    rows: int = ROWS


@dataclass(frozen=True, eq=False)
class Painter:
    """The network of any style, in any size."""

    network: Any

    @classmethod
    def open(cls, checkpoint: Path = RELEASED) -> Painter:
        """The network of *checkpoint*.

        Raises:
            CheckpointError: it is missing, damaged, of another task, or was told styles by another encoder.
        """
        found = Checkpoint.open(checkpoint)
        if not isinstance(found.info.recipe, ArbitraryStyleRecipe):
            raise CheckpointError(
                f"{checkpoint} is of a network of {found.info.recipe.task}; allowed: one of arbitrary_style."
            )
        check_encoder(found.info.fingerprint, checkpoint)
        return cls(restored(found))

    def paint(
        self, photo: np.ndarray, style: np.ndarray, how: How = How(), progress: Progress = lambda *told: None
    ) -> np.ndarray:
        """*photo*, ``(H, W, 3)`` RGB uint8, in the style of which *style*, ``(1, 1, S)``, are the statistics.

        Returns:
            A picture of the size of the photograph, uint8.
        """
        strength = np.full((1, 1, 1), how.strength, np.float32)
        values = {IMAGE: photo, STYLE: style, STRENGTH: strength}
        picture = to_uint8(run_in_bands(self.network, values, how.rows, progress))
        return with_colours_of(photo, picture, how.rows) if how.preserve_colour else picture


def mixed(paintings: Sequence[np.ndarray], shares: Sequence[float]) -> np.ndarray:
    """The statistics of *paintings*, ``(H, W, 3)`` RGB uint8, mixed by *shares*, which sum to 1: ``(1, 1, S)``.

    Huang and Belongie, 2017, section 7.3, with what tells a style in place of features.
    """
    found: np.ndarray = np.sum([share * encode(one) for share, one in zip(shares, paintings, strict=True)], 0)
    return found.astype(np.float32)


def mask_of(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The brightness of *image*, ``(H, W, 3)`` uint8, at another size: ``(height, width)`` uint8."""
    return np.asarray(Image.fromarray(image).convert("L").resize((width, height), Image.Resampling.BILINEAR))


def composed(pictures: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> np.ndarray:
    """*pictures* ``(H, W, 3)`` uint8, each where its mask ``(H, W)`` uint8 is bright: by its share of their sum.

    Where all are black, every picture has an equal share.
    """
    total = np.sum(masks, 0, dtype=np.float32)
    found = np.zeros(pictures[0].shape, np.float32)
    for picture, mask in zip(pictures, masks, strict=True):
        share = np.where(total > 0, mask / np.maximum(total, 1), 1 / len(pictures)).astype(np.float32)
        found += picture * share[..., None]
    return to_uint8(found)


def with_colours_of(photo: np.ndarray, picture: np.ndarray, rows: int = ROWS) -> np.ndarray:
    """*picture*'s luminance with the chroma of *photo* (Gatys et al., "Preserving Color", 2016)."""
    made = np.empty_like(picture)
    for top in range(0, len(photo), rows):
        band = slice(top, top + rows)
        kept = photo[band].astype(np.float32)
        made[band] = to_uint8(kept + ((picture[band] - kept) @ LUMINANCE)[..., None])
    return made
