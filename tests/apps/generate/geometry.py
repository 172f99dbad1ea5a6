"""Which part of a photograph a model sees, and where its tiles lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SOURCES = [(480, 640), (640, 480), (4032, 3024), (3024, 4032), (1920, 1080), (481, 640), (480, 641), (479, 639)]
SOURCES += [(100, 100), (16, 16), (1, 1), (7, 5), (2560, 240), (12000, 9000)]
TARGETS = [(480, 640), (256, 256), (640, 480)]
TILINGS = [((480, 640), (480, 640), 32), ((481, 640), (480, 640), 32), ((960, 1280), (480, 640), 32)]
TILINGS += [((4032, 3024), (480, 640), 64), ((1000, 700), (256, 256), 0), ((257, 511), (256, 256), 255)]


def crop_box(source: tuple[int, int], target: tuple[int, int]) -> list[float]:
    """Left, top, right, bottom of the centre part that has the shape of *target*; as ``base.images.fit`` cuts it."""
    scale = max(target[0] / source[0], target[1] / source[1])
    width, height = target[0] / scale, target[1] / scale
    left, top = (source[0] - width) / 2, (source[1] - height) / 2
    return [left, top, left + width, top + height]


def letterbox(source: tuple[int, int], target: tuple[int, int]) -> list[int]:
    """Left, top, width, height of the whole picture inside *target*; an odd pixel of border goes right and below."""
    scale = min(target[0] / source[0], target[1] / source[1])
    width, height = (min(most, max(1, int(side * scale + 0.5))) for side, most in zip(source, target, strict=True))
    return [(target[0] - width) // 2, (target[1] - height) // 2, width, height]


def tile_origins(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin along a side: as few as overlap by *overlap* or more, spread evenly, the last flush."""
    count = max(1, -(-(length - overlap) // (tile - overlap)))
    return [0] if count == 1 else [(i * (length - tile) + (count - 1) // 2) // (count - 1) for i in range(count)]


def cases(save: Callable[[str, bytes], None]) -> dict[str, Any]:
    """The cases of ``geometry.json``; sizes are ``[width, height]``."""
    pairs = [(source, target) for source in SOURCES for target in TARGETS]
    return {
        "crops": [{"source": a, "target": b, "box": crop_box(a, b)} for a, b in pairs],
        "letterboxes": [{"source": a, "target": b, "inner": letterbox(a, b)} for a, b in pairs],
        "tilings": [
            {"source": source, "tile": tile, "overlap": overlap}
            | {axis: tile_origins(source[i], tile[i], overlap) for i, axis in enumerate("xy")}
            for source, tile, overlap in TILINGS
        ],
    }
