"""Whitening and colouring, stage by stage from coarse to fine, of a photograph of any size in bounded memory.

Encoder and decoder look only so far around a position. So a stage goes over the picture in squares that overlap by
that: first to add up the statistics of the whole, then to paint. In memory are two pictures and one square, whatever
the number of channels; what comes out is what comes of the picture at once, but for the order of sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export_pipeline.base.images import to_uint8, within
from export_pipeline.models.mirrored import reach, stride
from export_pipeline.perception.codec import Codec
from export_pipeline.universal.wct.tiles import Box, boxes
from export_pipeline.universal.wct.transform import Affine, Statistics, Sums, transfer
from export_pipeline.universal.wct.unfinished import Unfinished, key_of

TILE_VALUES = 2**24  # of the largest layer: 1024x1024 pixels with 16 channels, 512x512 with 64
STEP = 16  # sides of squares are multiples of the largest stride
# Features are kept from the first pass to the second where they have no more values for a pixel; else made again.
MOST_KEPT = 4.0
# Of the distilled network's 128 filters at relu5_1 only 44 ever fire: what is painted from there is hard to recognise.
DEEPEST = "relu4_1"
STYLE_SIDE = 512  # longer side of a painting, at most: the size that strokes are looked at in

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class How:
    """How a photograph is painted.

    Attributes:
        strength: share of the style in the features of each stage, 0 to 1.
        deepest: the tap that is begun with.
        diagonal: whether each channel is changed alone, as AdaIN does, and not how they vary together.
        tile: side of the squares, pixels, a multiple of 16; ``None`` takes as large ones as have 16 million values.
    """

    strength: float = 1.0
    deepest: str = DEEPEST
    diagonal: bool = False
    tile: int | None = None

    def taps(self, codec: Codec) -> tuple[str, ...]:
        """The stages, coarse to fine."""
        return tuple(reversed(codec.taps[: codec.taps.index(self.deepest) + 1]))

    def side(self, codec: Codec) -> int:
        """The side of the squares."""
        if self.tile is not None:
            return self.tile
        return max(STEP, math.isqrt(TILE_VALUES // codec.channels(codec.taps[0])) // STEP * STEP)


def paint(
    codec: Codec,
    photo: np.ndarray,
    paintings: Sequence[np.ndarray],
    shares: Sequence[float],
    how: How = How(),
    progress: Progress = lambda *told: None,
    folder: Path | None = None,
) -> np.ndarray:
    """*photo*, ``(H, W, 3)`` RGB uint8, after *paintings*, uint8 of any size, mixed by *shares*, which sum to 1.

    Args:
        progress: told after each square of each pass, with how many there are and the stage.
        folder: where the picture is kept after each stage, to go on from; it must be there. ``None`` keeps nothing.

    Returns:
        A picture of the size of the photograph, uint8.

    Raises:
        ModelError: a value is not finite.
    """
    height, width = photo.shape[:2]
    kept = folder and Unfinished(folder, key_of(photo, paintings, tuple(shares), how, codec.sha256))
    begun, picture = (kept and kept.newest()) or (0, _filled(photo))
    styles = [_filled(within(one, STYLE_SIDE)) for one in paintings]
    parts = list(boxes(picture.shape[0], picture.shape[1], how.side(codec)))
    taps = how.taps(codec)
    for number, tap in list(enumerate(taps))[begun:]:

        def told(done: int, tap: str = tap, first: int = 2 * len(parts) * number) -> None:
            progress(first + done, 2 * len(parts) * len(taps), tap)

        wanted = [statistics_of(codec, tap, style) for style in styles]
        picture = Stage(codec, tap, parts, told).painted(picture, wanted, shares, how)
        if kept and number + 1 < len(taps):
            kept.save(number + 1, picture)
    return to_uint8(picture[:height, :width])


def statistics_of(codec: Codec, tap: str, image: np.ndarray) -> Statistics:
    """Of the features of *image*, ``(H, W, 3)`` float32 of sides that are multiples of 16, at once."""
    sums = Sums(codec.channels(tap))
    sums.add(codec.encode(image[None], tap))
    return sums.statistics()


@dataclass(frozen=True)
class Stage:
    """One tap, over the squares *parts* of a picture; *told* hears of each, of both passes."""

    codec: Codec
    tap: str
    parts: Sequence[Box]
    told: Callable[[int], None] = lambda done: None

    def painted(
        self, picture: np.ndarray, styles: Sequence[Statistics], shares: Sequence[float], how: How
    ) -> np.ndarray:
        """*picture*, ``(H, W, 3)`` float32 0..255, with the statistics of *styles* at this tap: the same, clipped."""
        keeps = self.codec.channels(self.tap) <= MOST_KEPT * stride(self.tap) ** 2
        sums, kept = Sums(self.codec.channels(self.tap)), None
        if keeps:
            height, width = (side // stride(self.tap) for side in picture.shape[:2])
            kept = np.empty((height, width, self.codec.channels(self.tap)), np.float32)
        for done, part in enumerate(self.parts, 1):
            features = self._features(picture, part)
            sums.add(features)
            if kept is not None:
                kept[part.over(stride(self.tap)).slices] = features
            self.told(done)
        change = transfer(sums.statistics(), styles, shares, how.strength, how.diagonal)
        made = np.empty_like(picture)
        for done, part in enumerate(self.parts, 1 + len(self.parts)):
            made[part.slices] = self._rebuilt(picture, kept, part, change)
            self.told(done)
        return made

    def _features(self, picture: np.ndarray, part: Box) -> np.ndarray:
        """The features of *part*, as the encoder has them of the whole *picture*: ``(h, w, C)``."""
        seen = part.grown(reach(self.tap), *picture.shape[:2])
        found = self.codec.encode(picture[seen.slices][None], self.tap)[0]
        made: np.ndarray = found[part.inside(seen).over(stride(self.tap)).slices]
        return made

    def _rebuilt(self, picture: np.ndarray, kept: np.ndarray | None, part: Box, change: Affine) -> np.ndarray:
        """*part* of the picture that the decoder makes of features after *change*."""
        seen = part.grown(reach(self.tap), *picture.shape[:2])
        features = self._features(picture, seen) if kept is None else kept[seen.over(stride(self.tap)).slices]
        made = self.codec.decode(change(features)[None], self.tap)[0]
        clipped: np.ndarray = np.clip(made[part.inside(seen).slices], 0, 255)
        return clipped


def _filled(image: np.ndarray) -> np.ndarray:
    """*image* as float32, its last rows and columns repeated up to a multiple of 16."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, -height % STEP), (0, -width % STEP), (0, 0)), mode="edge").astype(np.float32)
