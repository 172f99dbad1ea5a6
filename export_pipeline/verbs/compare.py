"""Model files against each other on the same photographs and style, whoever made them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from export_pipeline.base.files import size
from export_pipeline.formats import open_model, resize_to
from export_pipeline.perception.judge import StyleJudge

UNTOUCHED = "(photographs as they are)"


class Comparison(BaseModel):
    """Mean distances of one model's outputs, defined in ``records.distances``; smaller is better for both.

    ``height`` and ``width`` are of the images that it was judged on, in pixels; ``bytes`` as the file lies.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    runtime: str
    bytes: int
    height: int
    width: int
    images: int
    content_distance: float
    style_distance: float


def compare(
    paths: Sequence[Path],
    photographs: Sequence[np.ndarray],
    judge: StyleJudge,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[Comparison, ...]:
    """Judge each model on *photographs*, ``(H, W, 3)`` uint8, fitted to the size that it takes.

    The first row is the photographs as they are, at the first model's size: content 0, and the style
    distance that a network starts from.
    """
    rows: list[Comparison] = []
    for path in paths:
        progress(f"{path}")
        runtime = open_model(path)
        fitted = [resize_to(photo, runtime.signature) if runtime.signature else photo for photo in photographs]
        if not rows:
            rows.append(_row(UNTOUCHED, "", 0, fitted, fitted, judge))
        outputs = [runtime.stylize(photo) for photo in fitted]
        rows.append(_row(str(path), f"{runtime.name} {runtime.version}", size(path), fitted, outputs, judge))
    return tuple(rows)


def _row(
    model: str, runtime: str, count: int, photos: Sequence[np.ndarray], outputs: Sequence[np.ndarray], judge: StyleJudge
) -> Comparison:
    distances = judge.mean_distances(outputs, judge.references(photos))
    return Comparison(
        model=model,
        runtime=runtime,
        bytes=count,
        height=photos[0].shape[0],
        width=photos[0].shape[1],
        images=len(photos),
        content_distance=distances.content_distance,
        style_distance=distances.style_distance,
    )


def comparison_text(rows: Sequence[Comparison]) -> str:
    """The rows as a table for the terminal."""
    name = max(len(Path(row.model).name) for row in rows)
    lines = [f"{'model':<{name}}{'bytes':>10}{'size':>11}{'images':>8}{'content':>9}{'style':>9}"]
    for row in rows:
        shape = f"{row.width}x{row.height}"
        lines.append(
            f"{Path(row.model).name:<{name}}{row.bytes:>10,}{shape:>11}{row.images:>8}"
            f"{row.content_distance:>9.4f}{row.style_distance:>9.4f}"
        )
    return "\n".join(lines)
