"""The picture of a report: input, reference and the float network's output, then each file's output, side by side.

Below the outputs of the files stands where each differs from the float network's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from export_pipeline.base.counting import each
from export_pipeline.base.files import size
from export_pipeline.base.images import fit, save_image
from export_pipeline.errors import EmulatorError, ModelError
from export_pipeline.formats import open_model
from export_pipeline.records.exported import ExportedModel
from export_pipeline.tasks import Task
from export_pipeline.tasks.task import Sample

MOST_SAMPLES = 3
BRIGHTER = 8  # times as bright as it is, a difference can be seen
IN_LINE = 5  # images side by side, as many as a page shows without scrolling
TILE_WIDTH = 200  # pixels at most; larger images are scaled down
DOES_NOT_RUN = "does not run"
QUALITY = 75  # of the JPEG, which a bundle holds twice; with nine files the page stays below a megabyte
GAP = 8
CAPTION = 40
FONT_SIZE = 14
_INK, _PAPER, _MISSING = (20, 20, 20), (255, 255, 255), (225, 225, 225)


def draw_picture(
    path: Path,
    folder: Path,
    exported: Sequence[ExportedModel],
    float_model: Path,
    task: Task,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Write the picture to *path*: of each of the task's samples its input and what it is held against, then the files.

    A file that cannot be run leaves its place gray, and the caption says so. Nothing is written for a task whose
    inputs and outputs cannot be shown. *say* gets how far it is.

    Raises:
        ModelError: the float network cannot be run.
        OutputError: *path* cannot be written.
    """
    samples = task.pictured()[:MOST_SAMPLES]
    inputs = [task.picture(sample.inputs) for sample in samples]
    network = _column("float network", float_model, task, samples)
    columns = each(lambda model: _file_column(folder, model, task, samples), exported, say, "picture: file")
    blocks = []
    for index, shown in enumerate(inputs):
        drawn, tiles = network[1][index], [Tile(caption, images[index]) for caption, images in columns]
        if shown is None or drawn is None or any(tile.image is None for tile in tiles):
            return
        head = [Tile("input", shown), *_reference(task, samples[index], shown), Tile(network[0], drawn)]
        blocks += [head, *_with_differences(tiles, drawn)]
    save_image(path, laid_out(blocks), QUALITY)


def _with_differences(tiles: Sequence[Tile], network: np.ndarray) -> Iterator[list[Tile]]:
    """Lines of *tiles*, and after each the line of where they differ from what the float *network* gives."""
    for start in range(0, len(tiles), IN_LINE):
        line = list(tiles[start : start + IN_LINE])
        yield line
        yield [_difference(tile, network) for tile in line]


def _difference(tile: Tile, network: np.ndarray) -> Tile:
    if DOES_NOT_RUN in tile.caption:
        return Tile("no difference\nto be shown", tile.image)
    apart = np.abs(tile.image.astype(np.int16) - network.astype(np.int16))
    bright = np.minimum(apart * BRIGHTER, 255).astype(np.uint8)
    return Tile(f"difference, {BRIGHTER} times\nas bright; {apart.max()} at most", bright)


@dataclass(frozen=True)
class Tile:
    """One image ``(H, W, 3)`` uint8 and the one or two lines above it."""

    caption: str
    image: np.ndarray


def laid_out(blocks: Sequence[Sequence[Tile]], tile_width: int = TILE_WIDTH, in_line: int = IN_LINE) -> np.ndarray:
    """A sheet ``(H, W, 3)`` uint8: block below block, each in lines of *in_line* tiles.

    Tiles are as large as the first, at most *tile_width* pixels wide.
    """
    first = blocks[0][0].image
    scale = min(1.0, tile_width / first.shape[1])
    width, height = round(first.shape[1] * scale), round(first.shape[0] * scale)
    wide, high = width + GAP, height + CAPTION + GAP
    lines = [block[start : start + in_line] for block in blocks for start in range(0, len(block), in_line)]
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


def _reference(task: Task, sample: Sample, like: np.ndarray) -> list[Tile]:
    """What the outputs for *sample* are shown beside, in the size of *like*."""
    found = task.reference_picture(sample)
    return [] if found is None else [Tile(found[0], fit(found[1], *like.shape[:2]))]


def _column(caption: str, path: Path, task: Task, samples: Sequence[Sample]) -> tuple[str, list[Any]]:
    runtime, names = open_model(path), [port.name for port in task.signature.outputs]
    # A Keras file has names of its own for its outputs; their order is the same.
    outputs = [dict(zip(names, runtime.infer(sample.inputs).values(), strict=True)) for sample in samples]
    return caption, [task.picture(values) for values in outputs]


def _file_column(folder: Path, model: ExportedModel, task: Task, samples: Sequence[Sample]) -> tuple[str, list[Any]]:
    path = folder / model.file
    try:
        return _column(f"{model.target}\n{size(path):,} bytes", path, task, samples)
    except (ModelError, EmulatorError):
        shown = [task.picture(sample.inputs) for sample in samples]
        return f"{model.target}\n{DOES_NOT_RUN}", [None if image is None else missing(image) for image in shown]


def missing(image: np.ndarray) -> np.ndarray:
    """What stands where an image like *image* could not be made: gray."""
    return np.full_like(image, _MISSING)


def _font(captions: list[str], width: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The default font in a size at which every caption fits into *width* pixels."""
    font = ImageFont.load_default(FONT_SIZE)
    longest = max(font.getlength(line) for caption in captions for line in caption.splitlines())
    return font if longest <= width else ImageFont.load_default(max(6, FONT_SIZE * width / longest))
