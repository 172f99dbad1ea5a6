"""``list``: tasks, networks, targets and shipped recipes."""

from __future__ import annotations

import argparse

from export_pipeline.verbs.common import SHIPPED, Verb, show


def add(parser: argparse.ArgumentParser) -> None:
    """It takes no arguments of its own."""


def run(options: argparse.Namespace) -> None:
    """Show the names that recipes and commands can use."""
    from export_pipeline.recipe import CLASSES
    from export_pipeline.recipe.schema import class_schema
    from export_pipeline.targets import TARGETS

    models = [class_schema(kind)["properties"]["model"]["properties"] for kind in CLASSES.values()]
    found = {
        "tasks": list(CLASSES),
        "networks": [name for model in models for name in model.get("network", {}).get("enum", ())],
        "targets": list(TARGETS),
        "recipes": sorted(path.stem for path in SHIPPED.glob("*.toml")),
    }
    show(found, options.json, lambda: "\n".join(f"{key}: {', '.join(value)}" for key, value in found.items()))


VERB = Verb("list", "list tasks, networks, targets and shipped recipes", add, run)
