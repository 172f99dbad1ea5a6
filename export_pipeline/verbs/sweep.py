"""``sweep RECIPE --set PATH=VALUES``: every point of a grid, compared."""

from __future__ import annotations

import argparse
from pathlib import Path

from export_pipeline.base.console import Console
from export_pipeline.verbs.common import Verb, always, recipe_path, show


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("what", metavar="RECIPE")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        required=True,
        metavar="PATH=VALUES",
        help="a key and its values, such as compress.bits=1..8 or model.alpha=0.25,0.5; several --set make a grid",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="of the results (default: artifacts/sweeps/<name>)"
    )
    parser.add_argument("--jobs", type=int, help="points at work at a time (default: one for each processor)")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.05,
        help="share by which the metrics that rank may be worse than the float network's in the picks (default: 0.05)",
    )
    parser.add_argument("--fresh", action="store_true", help="forget what an interrupted sweep left behind")


def run(options: argparse.Namespace) -> None:
    """Run every point, show the comparison, and fail where a point did."""
    from export_pipeline import sweep as sweeping

    found = sweeping.sweep(
        recipe_path(options.what),
        options.settings,
        options.output,
        jobs=options.jobs,
        tolerance=options.tolerance,
        fresh=options.fresh,
        say=Console(options.quiet).say,
    )
    show(found.model_dump(mode="json"), options.json, lambda: sweeping.terminal(found))
    sweeping.check(found)


VERB = Verb("sweep", "run a recipe at every combination of values, and compare", add, run, always)
