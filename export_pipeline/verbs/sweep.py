"""``sweep RECIPE --set PATH=VALUES``: every point of a grid, compared."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from export_pipeline.base.console import Console
from export_pipeline.errors import UsageError
from export_pipeline.verbs.common import Verb, always, recipe_path, show

if TYPE_CHECKING:
    from export_pipeline.sweep.processes import Engine

ON_RAY = ("address", "retries", "store")  # options of --engine ray


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
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="where the points run: in processes of this machine (default), or on a Ray cluster, whose nodes share "
        "the output folder or a --store",
    )
    parser.add_argument(
        "--address",
        help="of the Ray cluster: auto for that of this machine, or host:port (default: a Ray of this machine alone)",
    )
    parser.add_argument("--retries", type=int, help="how often Ray begins a point again that was lost (default: 3)")
    parser.add_argument(
        "--store",
        metavar="URL",
        help="where Ray's nodes leave what they make, such as s3://bucket/a, if they do not share the output folder",
    )


def run(options: argparse.Namespace) -> None:
    """Run every point, show the comparison, and fail where a point did."""
    from export_pipeline import sweep as sweeping

    found = sweeping.sweep(
        recipe_path(options.what),
        options.settings,
        options.output,
        jobs=options.jobs,
        engine=_engine(options),
        tolerance=options.tolerance,
        fresh=options.fresh,
        say=Console(options.quiet).say,
    )
    show(found.model_dump(mode="json"), options.json, lambda: sweeping.terminal(found))
    sweeping.check(found)


def _engine(options: argparse.Namespace) -> Engine | None:
    given = {name: value for name in ON_RAY if (value := getattr(options, name)) is not None}
    if options.fresh and options.store:
        raise UsageError("--fresh empties no folder at --store. Delete what lies there, or give another URL.")
    if options.engine == "ray":
        from export_pipeline.sweep.cluster import RayCluster

        return RayCluster(**given)
    if given:
        raise UsageError(f"{', '.join(f'--{name}' for name in given)} is for --engine ray. Give that, or leave it out.")
    return None


VERB = Verb("sweep", "run a recipe at every combination of values, and compare", add, run, always)
