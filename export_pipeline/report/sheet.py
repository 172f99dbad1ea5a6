"""A sheet of images with a caption above each, and where on it each image lies.

The places go into the sheet's file, as its comment: a page then shows the images one by one, as large as its screen has
room for, out of the one file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydantic import Field, ValidationError

from export_pipeline.base.images import save_image
from export_pipeline.records.contents import Noun

INPUT = "input"  # the caption that each photograph of a report begins with
IN_LINE = 5  # images side by side, as many as a page shows without scrolling
TILE_WIDTH = 200  # pixels at most; larger images are scaled down
GAP = 8
CAPTION = 40
FONT_SIZE = 14
# Of a JPEG: the first with which it has at most so many bytes, or the last. A bundle holds it twice, the second time in
# base64 in a page, which then stays below 1 MiB.
QUALITIES, MOST_BYTES = (75, 65, 55), 700_000
_INK, _PAPER, _MISSING = (20, 20, 20), (255, 255, 255), (225, 225, 225)


@dataclass(frozen=True)
class Tile:
    """One image ``(H, W, 3)`` uint8 and the one or two lines above it."""

    caption: str
    image: np.ndarray


class Place(Noun):
    """Where an image lies on a sheet, in pixels, and what stands above it."""

    caption: str
    left: int = Field(ge=0)
    top: int = Field(ge=0)
    width: int = Field(ge=1)
    height: int = Field(ge=1)


class Places(Noun):
    """The places of all images of a sheet, block by block."""

    blocks: tuple[tuple[Place, ...], ...]


def laid_out(blocks: Sequence[Sequence[Tile]], tile_width: int = TILE_WIDTH, in_line: int = IN_LINE) -> np.ndarray:
    """A sheet ``(H, W, 3)`` uint8: block below block, each in lines of *in_line* tiles.

    Tiles are as large as the first, at most *tile_width* pixels wide.
    """
    tiles = [tile for block in blocks for tile in block]
    places = [place for block in places_of(blocks, tile_width, in_line).blocks for place in block]
    right, bottom = (max(edges) for edges in zip(*((p.left + p.width, p.top + p.height) for p in places), strict=True))
    sheet = Image.new("RGB", (right + GAP, bottom + GAP), _PAPER)
    pen = ImageDraw.Draw(sheet)
    font = _font([tile.caption for tile in tiles], places[0].width)
    for tile, place in zip(tiles, places, strict=True):
        pen.multiline_text((place.left, place.top - CAPTION), tile.caption, fill=_INK, font=font, spacing=2)
        image = Image.fromarray(tile.image).resize((place.width, place.height), Image.Resampling.LANCZOS)
        sheet.paste(image, (place.left, place.top))
    return np.asarray(sheet)


def save_sheet(path: Path, blocks: Sequence[Sequence[Tile]]) -> None:
    """Write the sheet of *blocks* as a JPEG, with the places of its images, in the best of :data:`QUALITIES` that fits.

    Raises:
        OutputError: *path* cannot be written.
    """
    sheet, places = laid_out(blocks), written(places_of(blocks))
    for quality in QUALITIES:
        save_image(path, sheet, quality, places)
        if path.stat().st_size <= MOST_BYTES:
            break


def places_of(blocks: Sequence[Sequence[Tile]], tile_width: int = TILE_WIDTH, in_line: int = IN_LINE) -> Places:
    """Where :func:`laid_out` puts the images of *blocks*."""
    high, wide = blocks[0][0].image.shape[:2]
    scale = min(1.0, tile_width / wide)
    width, height = round(wide * scale), round(high * scale)
    top, found = GAP + CAPTION, []
    for block in blocks:
        found.append(
            tuple(
                Place(
                    caption=tile.caption,
                    left=GAP + index % in_line * (width + GAP),
                    top=top + index // in_line * (height + CAPTION + GAP),
                    width=width,
                    height=height,
                )
                for index, tile in enumerate(block)
            )
        )
        top += -(-len(block) // in_line) * (height + CAPTION + GAP)
    return Places(blocks=tuple(found))


def written(places: Places) -> str:
    """*places* as the comment of a file."""
    return places.model_dump_json()


def read_places(path: Path) -> Places | None:
    """The places in the comment of the sheet at *path*; ``None`` for an image that has none, or others than its own."""
    with Image.open(path) as image:
        comment, size = image.info.get("comment", b""), image.size
    try:
        found = Places.model_validate_json(comment)
    except ValidationError:
        return None
    places = [place for block in found.blocks for place in block]
    inside = all(p.left + p.width <= size[0] and p.top + p.height <= size[1] for p in places)
    return found if places and inside else None


def missing(image: np.ndarray) -> np.ndarray:
    """What stands where an image like *image* could not be made: gray."""
    return np.full_like(image, _MISSING)


def _font(captions: list[str], width: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The default font in a size at which every caption fits into *width* pixels."""
    font = ImageFont.load_default(FONT_SIZE)
    longest = max(font.getlength(line) for caption in captions for line in caption.splitlines())
    return font if longest <= width else ImageFont.load_default(max(6, FONT_SIZE * width / longest))
