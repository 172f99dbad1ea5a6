"""The picture of a report on its page: each image by itself, so that a phone shows it as large as a desk does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from export_pipeline.report import html as web
from export_pipeline.report.sheet import INPUT, Place, read_places

WHOLE = "input, float network, exported files and their differences"


def pictures(path: Path) -> tuple[str, str]:
    """What stands first on a page of the picture at *path*, and what stands below its files, as HTML.

    First stand what went in, what it is held against, and what came out of the float network. Below, each file's output
    above where it differs from that; the photographs after the first are folded. A picture that does not say where its
    images lie, as those of earlier reports, stands first as it is.
    """
    places = read_places(path)
    if places is None:
        return web.picture(WHOLE, path), ""
    samples = _samples(places.blocks)
    with Image.open(path) as image:
        sheet = web.sheet(path, *image.size)
    below = [web.heading("Pictures"), _files(samples[0])]
    for number, sample in enumerate(samples[1:], 2):
        below.append(web.closed(f"The same of image {number}", [_head(sample), _files(sample)]))
    return sheet + _head(samples[0]), "".join(below)


def _samples(blocks: Sequence[Sequence[Place]]) -> list[list[Sequence[Place]]]:
    """The blocks of each photograph: its head, and in turn a line of files and a line of differences."""
    found: list[list[Sequence[Place]]] = []
    for block in blocks:
        if block[0].caption == INPUT or not found:
            found.append([])
        found[-1].append(block)
    return found


def _head(sample: Sequence[Sequence[Place]]) -> str:
    return web.figures("first", (web.figure([place]) for place in sample[0]))


def _files(sample: Sequence[Sequence[Place]]) -> str:
    pairs = [pair for line in range(1, len(sample), 2) for pair in zip(*sample[line : line + 2], strict=True)]
    return web.figures("pictures", map(web.figure, pairs))
