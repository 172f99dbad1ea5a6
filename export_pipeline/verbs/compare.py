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
    from export_pipeline.verify.compare import Comparison


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--style", type=Path, required=True, metavar="IMAGE")
    parser.add_argument("--photographs", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--last", type=int, metavar="N", help="only the last N photographs by name")
    parser.add_argument("--vgg-weights", metavar="FILE", help=VGG_HELP)


def run(options: argparse.Namespace) -> None:
    """Judge each model and show a row for it, after one for the photographs as they are."""
    from export_pipeline.base.images import list_images, load_image
    from export_pipeline.perception.judge import StyleJudge
    from export_pipeline.perception.vgg_weights import vgg19_weights
    from export_pipeline.verify.compare import compare

    paths = list_images(options.photographs)
    if options.last is not None:
        if options.last < 1:
            raise UsageError(f"--last is {options.last}; it must be 1 or more")
        paths = paths[-options.last :]
    style, photographs = load_image(options.style), [load_image(path) for path in paths]
    judge = StyleJudge(vgg19_weights(options.vgg_weights), style)
    rows = compare(options.models, photographs, judge, Console().say)
    show([row.model_dump() for row in rows], options.json, lambda: _table(rows))


def _table(rows: Sequence[Comparison]) -> str:
    name = max(len(Path(row.model).name) for row in rows)
    lines = [f"{'model':<{name}}{'bytes':>10}{'size':>11}{'images':>8}{'content':>9}{'style':>9}"]
    for row in rows:
        shape = f"{row.width}x{row.height}"
        lines.append(
            f"{Path(row.model).name:<{name}}{row.bytes:>10,}{shape:>11}{row.images:>8}"
            f"{row.content_distance:>9.4f}{row.style_distance:>9.4f}"
        )
    return "\n".join(lines)


VERB = Verb("compare", "judge the style and content of model files on the same photographs", add, run)
