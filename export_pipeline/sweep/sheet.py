"""The sheet of a sweep: one photograph through the float network and through every point, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export_pipeline.base.files import written_aside
from export_pipeline.base.images import load_image, save_image
from export_pipeline.report.sheet import Tile, laid_out, missing
from export_pipeline.sweep.grid import label, shown
from export_pipeline.sweep.model import SweptPoint, Value
from export_pipeline.sweep.point import FLOAT_PICTURE, PHOTO, PICTURE

MOST_BYTES = 300_000
# The widths of a tile that are tried, in pixels, until the sheet is small enough; the last is taken in any case.
WIDTHS = (240, 200, 160, 130, 100, 70)
# The keys whose values make the columns, where they are swept; else it is the last one.
COLUMNS = ("compress.bits",)


def draw_sheet(path: Path, out: Path, points: Sequence[SweptPoint]) -> bool:
    """Write the sheet to *path*: a block for each combination of the other keys; False where nothing was drawn.

    The picture of a point is by the first of its files; numbers go from the largest to the smallest.

    Raises:
        OutputError: *path* cannot be written.
    """
    drawn = [point for point in points if (out / point.folder / FLOAT_PICTURE).is_file()]
    if not drawn:
        return False
    column = next((key for key in COLUMNS if key in drawn[0].overrides), list(drawn[0].overrides)[-1])
    groups: dict[str, list[SweptPoint]] = {}
    for point in drawn:
        groups.setdefault(label({key: v for key, v in point.overrides.items() if key != column}), []).append(point)
    blocks = [_block(out, others, column, group) for others, group in groups.items()]
    for width in WIDTHS:
        with written_aside(path) as aside:
            save_image(aside, laid_out(blocks, width))
        if path.stat().st_size <= MOST_BYTES:
            break
    return True


def _block(out: Path, others: str, column: str, points: Sequence[SweptPoint]) -> list[Tile]:
    ordered = sorted(points, key=lambda point: _largest_first(point.overrides[column]))
    first = out / ordered[0].folder
    tiles = [Tile(f"input\n{others}".strip(), load_image(first / PHOTO))]
    seen: set[str] = set()
    for point in ordered:
        folder, network = out / point.folder, point.result.float_network
        # Where the key is one of training, every point has a float network of its own.
        if network and network.checkpoint_sha256 not in seen:
            seen.add(network.checkpoint_sha256)
            parameters = f"float, 32 bits\n{network.parameters * 4:,} bytes of weights"
            tiles.append(Tile(parameters, load_image(folder / FLOAT_PICTURE)))
        value = point.overrides[column]
        tiles.append(_tile(folder, f"{column}={shown(value)}", point))
    return tiles


def _tile(folder: Path, caption: str, point: SweptPoint) -> Tile:
    if not (folder / PICTURE).is_file():
        return Tile(f"{caption}\ndoes not run", missing(np.asarray(load_image(folder / PHOTO))))
    first = point.result.files[0]
    return Tile(f"{caption}\n{first.target} {first.size.bytes:,} bytes", load_image(folder / PICTURE))


def _largest_first(value: Value) -> tuple[int, float, str]:
    """None, which leaves a thing as it is, then numbers from the largest, then words."""
    if value is None:
        return 0, 0.0, ""
    return (1, -float(value), "") if not isinstance(value, str) else (2, 0.0, value)
