"""``schema [KIND] [-o FILE]``: the JSON Schema of a recipe, for editors."""

from __future__ import annotations

import argparse
from pathlib import Path

from export_pipeline.verbs.common import Verb, show


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "kind",
        nargs="?",
        choices=("recipe", "distill"),
        default="recipe",
        help="what is described: a recipe of build, or one of distill (default: recipe)",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there (default: print it)")


def run(options: argparse.Namespace) -> None:
    """Print the schema, or write it and tell where."""
    from export_pipeline.base.files import write_text
    from export_pipeline.recipe.schema import schema_text

    text = schema_text(options.kind)
    if options.output is None:
        print(text, end="")
        return
    write_text(options.output, text)
    show({"output": str(options.output)}, options.json, lambda: str(options.output))


VERB = Verb("schema", "print the JSON Schema of recipes, with which editors complete and check them", add, run)
