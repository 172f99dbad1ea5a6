"""The picture of a report: input, reference and the float network's output, then each file's output, side by side.

Below the outputs of the files stands where each differs from the float network's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.base.counting import each
from export_pipeline.base.files import size
from export_pipeline.base.images import fit
from export_pipeline.errors import EmulatorError, ModelError
from export_pipeline.formats import open_model
from export_pipeline.records.exported import ExportedModel
from export_pipeline.report.sheet import IN_LINE, INPUT, Tile, missing, save_sheet
from export_pipeline.tasks import Task
from export_pipeline.tasks.task import Sample

MOST_SAMPLES = 3
BRIGHTER = 8  # times as bright as it is, a difference can be seen
DOES_NOT_RUN = "does not run"


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
        head = [Tile(INPUT, shown), *_reference(task, samples[index], shown), Tile(network[0], drawn)]
        blocks += [head, *_with_differences(tiles, drawn)]
    save_sheet(path, blocks)


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
