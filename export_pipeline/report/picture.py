"""The picture of a report: photo, float network's output and each file's output, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from export_pipeline.errors import EmulatorError, ModelError, UsageError
from export_pipeline.exported import ExportedModel
from export_pipeline.files import size
from export_pipeline.images import save_image, to_uint8
from export_pipeline.runtimes import Runtime, open_model, resize_to
from export_pipeline.signature import ImageSignature

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
    save_image(path, _laid_out(columns, signature))


def _column(folder: Path, model: ExportedModel, photos: list[np.ndarray]) -> tuple[str, list[np.ndarray]]:
    try:
        run = _runner(open_model(folder / model.file))
        return f"{model.target}\n{size(folder / model.file):,} bytes", [run(photo) for photo in photos]
    except (ModelError, EmulatorError):
        blank = np.full_like(photos[0], _MISSING)
        return f"{model.target}\ndoes not run", [blank] * len(photos)


def _runner(runtime: Runtime) -> Callable[[np.ndarray], np.ndarray]:
    return lambda photo: to_uint8(runtime.stylize(photo))


def _laid_out(columns: list[tuple[str, list[np.ndarray]]], signature: ImageSignature) -> np.ndarray:
    """A block for each photograph: its images in lines of :data:`IN_LINE`, each under its caption."""
    scale = min(1.0, TILE_WIDTH / signature.width)
    width, height = round(signature.width * scale), round(signature.height * scale)
    wide, high = width + GAP, height + CAPTION + GAP
    photographs, lines = len(columns[0][1]), math.ceil(len(columns) / IN_LINE)
    size = (GAP + min(len(columns), IN_LINE) * wide, GAP + photographs * lines * high)
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    font = _font([caption for caption, _ in columns], width)
    for photograph in range(photographs):
        for index, (caption, images) in enumerate(columns):
            line, column = divmod(index, IN_LINE)
            left, top = GAP + column * wide, GAP + (photograph * lines + line) * high
            pen.multiline_text((left, top), caption, fill=_INK, font=font, spacing=2)
            tile = Image.fromarray(images[photograph]).resize((width, height), Image.Resampling.LANCZOS)
            sheet.paste(tile, (left, top + CAPTION))
    return np.asarray(sheet)


def _font(captions: list[str], width: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The default font in a size at which every caption fits into *width* pixels."""
    font = ImageFont.load_default(FONT_SIZE)
    longest = max(font.getlength(line) for caption in captions for line in caption.splitlines())
    return font if longest <= width else ImageFont.load_default(max(6, FONT_SIZE * width / longest))
