"""``plan RECIPE --bytes N``: the build up to clustering, and the bits of each layer that fit."""

from __future__ import annotations

import argparse
from pathlib import Path

from export_pipeline.base.console import Console
from export_pipeline.errors import UsageError
from export_pipeline.verbs.common import Verb, always, recipe_and_bundle_path, recipe_path, show


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("what", metavar="RECIPE")
    parser.add_argument("--bytes", type=int, required=True, metavar="N", help="most bytes of the clustered kernels")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the plan (default: plan.toml)")
    parser.add_argument(
        "--bundle", type=Path, metavar="FOLDER", help="the build to go on with (default: artifacts/<name>)"
    )


def run(options: argparse.Namespace) -> None:
    """Make the plan and write it to a file, which must be named where one is there already."""
    from export_pipeline.base.files import refuse_input, write_text
    from export_pipeline.bundle import PLAN
    from export_pipeline.pipeline import opened

    if options.bytes < 1:
        raise UsageError(f"--bytes is {options.bytes}; it must be 1 or more")
    path = options.output or Path(PLAN)
    if options.output is None and path.exists():
        raise UsageError(f"{path} is there already and may have been edited. Name the file to write with --output.")
    recipe, out = recipe_and_bundle_path(options.what, options.bundle)
    refuse_input(path, recipe_path(options.what))
    with (
        Console(options.quiet) as console,
        opened(recipe, out, plan_bytes=options.bytes, say=console.say, on_step=console.step) as pipeline,
    ):
        made = pipeline.plan(pipeline.train(), options.bytes)
    write_text(path, made.text)
    show(made.record(), options.json, lambda: f"{made.text}\nplan: {path}")


VERB = Verb(
    "plan", "choose the bits of each layer for a number of bytes, by what they do to the picture", add, run, always
)
