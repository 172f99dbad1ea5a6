"""``distill RECIPE -o OUT``: a small loss network out of VGG-19."""

from __future__ import annotations

import argparse
from pathlib import Path

from export_pipeline.base.console import Console
from export_pipeline.verbs.common import Verb, always, show


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("what", metavar="RECIPE.toml", help="a TOML file: images, width and steps")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a .weights file")
    parser.add_argument("--fresh", action="store_true", help="forget what an interrupted run left behind")


def run(options: argparse.Namespace) -> None:
    """Distil the network and show its errors."""
    from export_pipeline.distill import distill, distilled_text
    from export_pipeline.recipe import DistillRecipe

    recipe = DistillRecipe.load(options.what)
    found = distill(recipe, options.output, fresh=options.fresh, say=Console(options.quiet).say)
    show(found.model_dump(mode="json"), options.json, lambda: distilled_text(found))


VERB = Verb("distill", "train a small loss network to have the features of VGG-19", add, run, always)
