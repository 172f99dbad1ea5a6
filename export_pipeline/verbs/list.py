"""``list``: networks, targets and shipped recipes."""

from __future__ import annotations

import argparse
from typing import get_args

from export_pipeline.verbs.common import SHIPPED, Verb, show


def add(parser: argparse.ArgumentParser) -> None:
    """It takes no arguments of its own."""


def run(options: argparse.Namespace) -> None:
    """Show the names that recipes and commands can use."""
    from export_pipeline.recipe import TARGETS, ModelTable

    found = {
        "networks": list(get_args(ModelTable.model_fields["network"].annotation)),
        "targets": list(TARGETS),
        "recipes": sorted(path.stem for path in SHIPPED.glob("*.toml")),
    }
    show(found, options.json, lambda: "\n".join(f"{key}: {', '.join(value)}" for key, value in found.items()))


VERB = Verb("list", "list networks, targets and shipped recipes", add, run)
