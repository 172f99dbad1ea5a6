"""Model files against each other on the same photographs and style, whoever made them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np

from export_pipeline.base.counting import each
from export_pipeline.base.files import size
from export_pipeline.formats import interface_of, open_model, resize_to
from export_pipeline.perception.flicker import flicker
from export_pipeline.perception.judge import Reference, StyleJudge
from export_pipeline.records.metric import Measured

UNTOUCHED = "(photographs as they are)"


class Comparison(Measured):
    """One model on the same photographs as the others; the metrics of style transfer are further keys.

    ``height`` and ``width`` are of the images that it was judged on, in pixels; ``bytes`` as the file lies.
    ``pan_flicker`` and ``light_flicker`` are means of :class:`export_pipeline.perception.flicker.Flicker`, where asked.
    """

    model: str
    runtime: str
    bytes: int
    height: int
    width: int
    images: int
    pan_flicker: float | None = None
    light_flicker: float | None = None


def compare(
    paths: Sequence[Path],
    photographs: Sequence[np.ndarray],
    judge: StyleJudge,
    progress: Callable[[str], None] = lambda line: None,
    video: bool = False,
) -> tuple[Comparison, ...]:
    """Judge each model on *photographs*, ``(H, W, 3)`` uint8, fitted to the size that it takes.

    The first row is the photographs as they are, at the first model's size: what a network starts from. With
    *video* each model paints five frames of every photograph instead of one.
    """
    rows: list[Comparison] = []
    references: dict[object, list[Reference]] = {}  # by the sizes that the photographs are fitted to
    for path in paths:  # one that is not there, or no model, should be told of before hours of others
        interface_of(path)
    for path in paths:
        progress(f"{path}")
        runtime = open_model(path)
        fitted = [resize_to(photo, runtime.signature) if runtime.signature else photo for photo in photographs]
        shapes = tuple(photo.shape for photo in fitted)
        if shapes not in references:
            progress(f"judging {len(fitted)} photographs as they are")
            references[shapes] = judge.references(fitted)
        if not rows:
            untouched = _row(UNTOUCHED, "", 0, fitted, judge, references[shapes])
            rows.append(_with_flicker(untouched, lambda photo: photo, fitted) if video else untouched)
        outputs = each(runtime.stylize, fitted, progress, f"{path}: photographs")
        progress(f"{path}: judging {len(outputs)} pictures")
        row = _row(str(path), f"{runtime.name} {runtime.version}", size(path), outputs, judge, references[shapes])
        rows.append(_with_flicker(row, runtime.stylize, fitted) if video else row)
    return tuple(rows)


def _with_flicker(
    row: Comparison, network: Callable[[np.ndarray], np.ndarray], photographs: Sequence[np.ndarray]
) -> Comparison:
    found = np.mean([astuple(flicker(network, photo)) for photo in photographs], axis=0)
    return row.model_copy(update={"pan_flicker": float(found[0]), "light_flicker": float(found[1])})


def _row(
    model: str,
    runtime: str,
    count: int,
    outputs: Sequence[np.ndarray],
    judge: StyleJudge,
    references: Sequence[Reference],
) -> Comparison:
    about = {
        "model": model,
        "runtime": runtime,
        "bytes": count,
        "height": outputs[0].shape[0],
        "width": outputs[0].shape[1],
        "images": len(outputs),
    }
    return Comparison.model_validate({**about, **judge.mean_distances(outputs, references).model_dump()})
