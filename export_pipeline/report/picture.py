"""The picture of a report: photo, float network's output and each file's output, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from export_pipeline.base.files import size
from export_pipeline.base.images import save_image, to_uint8
from export_pipeline.errors import EmulatorError, ModelError, UsageError
from export_pipeline.formats import Runtime, open_model, resize_to
from export_pipeline.records.exported import ExportedModel

MOST_PHOTOGRAPHS = 3
IN_LINE = 5  # images side by side, as many as a page shows without scrolling
TILE_WIDTH = 200  # pixels at most; larger images are scaled down
GAP = 8
CAPTION = 40
FONT_SIZE = 14
_INK, _PAPER, _MISSING = (20, 20, 20), (255, 255, 255), (225, 225, 225)


def draw_picture(
    path: Path,
    folder: Path,
    exported: Sequence[ExportedModel],
    float_model: Path,
    photographs: Sequence[np.ndarray],
) -> None:
    """Write the picture to *path*: a block for each of the first photographs, an image for each file.

    A file that cannot be run leaves its place gray, and the caption says so.

    Raises:
        UsageError: there is no photograph or no file.
        ModelError: the float network cannot be run.
        OutputError: *path* cannot be written.
    """
    if not len(photographs) or not exported:
        raise UsageError(f"a picture needs photographs and files; got {len(photographs)} and {len(exported)}")
    signature = exported[0].signature
    photos = [resize_to(image, signature) for image in list(photographs)[:MOST_PHOTOGRAPHS]]
    float_runtime = open_model(float_model)
    columns = [("photo", photos), ("float network", [to_uint8(float_runtime.stylize(photo)) for photo in photos])]
    columns += [_column(folder, model, photos) for model in exported]
    blocks = [[Tile(caption, images[index]) for caption, images in columns] for index in range(len(photos))]
    save_image(path, laid_out(blocks))


@dataclass(frozen=True)
class Tile:
    """One image ``(H, W, 3)`` uint8 and the one or two lines above it."""

    caption: str
    image: np.ndarray


def laid_out(blocks: Sequence[Sequence[Tile]], tile_width: int = TILE_WIDTH) -> np.ndarray:
    """A sheet ``(H, W, 3)`` uint8: block below block, each in lines of :data:`IN_LINE` tiles.

    Tiles are as large as the first, at most *tile_width* pixels wide.
    """
    first = blocks[0][0].image
    scale = min(1.0, tile_width / first.shape[1])
    width, height = round(first.shape[1] * scale), round(first.shape[0] * scale)
    wide, high = width + GAP, height + CAPTION + GAP
    lines = [block[start : start + IN_LINE] for block in blocks for start in range(0, len(block), IN_LINE)]
    sheet = Image.new("RGB", (GAP + max(map(len, lines)) * wide, GAP + len(lines) * high), _PAPER)
    pen = ImageDraw.Draw(sheet)
    font = _font([tile.caption for line in lines for tile in line], width)
    for row, line in enumerate(lines):
        for column, tile in enumerate(line):
            left, top = GAP + column * wide, GAP + row * high
            pen.multiline_text((left, top), tile.caption, fill=_INK, font=font, spacing=2)
            image = Image.fromarray(tile.image).resize((width, height), Image.Resampling.LANCZOS)
            sheet.paste(image, (left, top + CAPTION))
    return np.asarray(sheet)


def _column(folder: Path, model: ExportedModel, photos: list[np.ndarray]) -> tuple[str, list[np.ndarray]]:
    try:
        run = _runner(open_model(folder / model.file))
        return f"{model.target}\n{size(folder / model.file):,} bytes", [run(photo) for photo in photos]
    except (ModelError, EmulatorError):
        return f"{model.target}\ndoes not run", [missing(photos[0])] * len(photos)


def missing(image: np.ndarray) -> np.ndarray:
    """What stands where an image like *image* could not be made: gray."""
    return np.full_like(image, _MISSING)


def _runner(runtime: Runtime) -> Callable[[np.ndarray], np.ndarray]:
    return lambda photo: to_uint8(runtime.stylize(photo))


def _font(captions: list[str], width: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The default font in a size at which every caption fits into *width* pixels."""
    font = ImageFont.load_default(FONT_SIZE)
    longest = max(font.getlength(line) for caption in captions for line in caption.splitlines())
    return font if longest <= width else ImageFont.load_default(max(6, FONT_SIZE * width / longest))
