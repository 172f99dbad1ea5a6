"""``compare MODEL... --style S --photographs FOLDER``: distances of model files on the same images."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from export_pipeline.base.console import Console
from export_pipeline.errors import UsageError
from export_pipeline.verbs.common import MODEL_HELP, VGG_HELP, Verb, show

if TYPE_CHECKING:
    from export_pipeline.records.metric import Metric
    from export_pipeline.verify.compare import Comparison


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--style", type=Path, required=True, metavar="IMAGE")
    parser.add_argument("--photographs", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--last", type=int, metavar="N", help="only the last N photographs by name")
    parser.add_argument(
        "--video", action="store_true", help="measure flicker, too: of a camera that moves, and of light that changes"
    )
    parser.add_argument("--vgg-weights", metavar="FILE", help=VGG_HELP)


def run(options: argparse.Namespace) -> None:
    """Judge each model and show a row for it, after one for the photographs as they are."""
    from export_pipeline.base.images import load_photograph
    from export_pipeline.perception.judge import StyleJudge
    from export_pipeline.perception.vgg_weights import vgg19_weights
    from export_pipeline.tasks.photographs import folder_photographs
    from export_pipeline.verify.compare import compare

    if options.last is not None and options.last < 1:
        raise UsageError(f"--last is {options.last}; it must be 1 or more")
    style, found = load_photograph(options.style), folder_photographs(options.photographs)
    first = max(0, len(found) - options.last) if options.last else 0
    photographs = [found[index] for index in range(first, len(found))]
    judge = StyleJudge(vgg19_weights(options.vgg_weights), style)
    rows = compare(options.models, photographs, judge, Console(options.quiet).say, options.video)
    show([row.model_dump() for row in rows], options.json, lambda: _table(rows))


def _table(rows: Sequence[Comparison]) -> str:
    from export_pipeline.recipe import StyleTransferRecipe
    from export_pipeline.report.tables import TextTable, text_table

    metrics = StyleTransferRecipe.metrics
    video = ("pan", "light") if rows[0].pan_flicker is not None else ()
    header = ("model", "bytes", "size", "images", *(metric.title for metric in metrics), *video)
    return text_table(TextTable("Models", header, tuple(_cells(row, metrics) for row in rows)))


def _cells(row: Comparison, metrics: Sequence[Metric]) -> tuple[str, ...]:
    values = ((row.metric(metric.name), metric.digits) for metric in metrics)
    numbers = ("-" if value is None else f"{value:.{digits + 1}f}" for value, digits in values)
    frames = (f"{value:.1f}" for value in (row.pan_flicker, row.light_flicker) if value is not None)
    return Path(row.model).name, f"{row.bytes:,}", f"{row.width}x{row.height}", str(row.images), *numbers, *frames


VERB = Verb("compare", "measure the pictures of model files on the same photographs", add, run)
