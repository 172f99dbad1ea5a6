"""A sheet of images, the places of its images, and the page that shows them one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export_pipeline.base.images import save_image
from export_pipeline.report.sheet import INPUT, Tile, laid_out, places_of, read_places, save_sheet, written
from export_pipeline.report.views import WHOLE, pictures

HEAD, FILES, SAMPLES = 3, 7, 2  # seven files are two lines


def blocks(height: int = 60, width: int = 40) -> list[list[Tile]]:
    """Of each photograph a head, and in turn lines of files and of differences; each image has one colour."""
    random, found = np.random.default_rng(3), []

    def line(*captions: str) -> list[Tile]:
        colors = random.integers(0, 256, (len(captions), 1, 1, 3), np.uint8)
        return [
            Tile(caption, np.broadcast_to(color, (height, width, 3)))
            for caption, color in zip(captions, colors, strict=True)
        ]

    for _ in range(SAMPLES):
        found.append(line(INPUT, "style", "float network"))
        for numbers in (range(5), range(5, FILES)):
            found.append(line(*(f"file-{number}\n{number},000 bytes" for number in numbers)))
            found.append(line(*(f"difference\n{number} at most" for number in numbers)))
    return found


def saved(path: Path, tiles: list[list[Tile]]) -> Path:
    save_image(path, laid_out(tiles), comment=written(places_of(tiles)))
    return path


def noise(lines: int) -> list[list[Tile]]:
    """As many *lines* of images that no JPEG makes small."""
    random = np.random.default_rng(1)
    return [[Tile("noise", random.integers(0, 256, (300, 200, 3), np.uint8)) for _ in range(5)] for _ in range(lines)]


@pytest.mark.parametrize(("lines", "quality"), [(1, 75), (2, 65), (3, 55)])
def test_a_large_sheet_is_written_in_the_best_quality_that_fits(tmp_path: Path, lines: int, quality: int) -> None:
    tiles, path, other = noise(lines), tmp_path / "sheet.jpg", tmp_path / "other.jpg"
    save_sheet(path, tiles)
    save_image(other, laid_out(tiles), quality, written(places_of(tiles)))
    assert path.read_bytes() == other.read_bytes()
    assert read_places(path) == places_of(tiles)


@pytest.mark.parametrize("size", [(60, 40), (900, 600)])
def test_each_image_lies_where_the_file_says(size: tuple[int, int], tmp_path: Path) -> None:
    tiles = blocks(*size)
    path = saved(tmp_path / "sheet.jpg", tiles)
    places = read_places(path)
    assert places is not None
    sheet = np.asarray(Image.open(path)).astype(int)
    for block, line in zip(places.blocks, tiles, strict=True):
        for place, tile in zip(block, line, strict=True):
            assert place.caption == tile.caption
            shown = sheet[place.top : place.top + place.height, place.left : place.left + place.width]
            assert shown.shape[:2] == (place.height, place.width)
            assert np.abs(shown - tile.image[0, 0].astype(int)).mean() < 3  # as JPEG has it
            assert place.width == min(200, size[1])


def test_an_image_without_places_or_with_others_has_none(tmp_path: Path) -> None:
    tiles = blocks()
    plain, other, small = (tmp_path / f"{name}.jpg" for name in ("plain", "other", "small"))
    save_image(plain, laid_out(tiles))
    save_image(other, laid_out(tiles), comment="taken at noon")
    save_image(small, laid_out(tiles)[:100], comment=written(places_of(tiles)))
    assert [read_places(path) for path in (plain, other, small)] == [None] * 3


def test_the_page_shows_each_image_once_with_its_caption(tmp_path: Path) -> None:
    first, below = pictures(saved(tmp_path / "sheet.jpg", blocks()))
    assert first.count('<image id="sheet"') == 1
    assert "<image" not in below
    assert first.count("<use ") == HEAD
    assert below.count("<use ") == SAMPLES * 2 * FILES + (SAMPLES - 1) * HEAD
    opened, folded = below.split("<details>")
    assert opened.count("<figure>") == FILES
    assert folded.count("<figure>") == FILES + HEAD
    assert "<figcaption>file-6 6,000 bytes<br>difference 6 at most</figcaption>" in opened


def test_a_picture_of_an_earlier_report_is_shown_whole(tmp_path: Path) -> None:
    save_image(tmp_path / "sheet.jpg", laid_out(blocks()))
    first, below = pictures(tmp_path / "sheet.jpg")
    assert below == ""
    assert f'<img alt="{WHOLE}"' in first
