"""``build RECIPE``: everything, from training to a bundle."""

from __future__ import annotations

import argparse

from export_pipeline.verbs.common import (
    Verb,
    add_build_arguments,
    always,
    opened_pipeline,
    recipe_and_bundle_path,
    show_report,
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_build_arguments(parser)
    parser.add_argument("--replace", action="store_true", help="let go of another recipe's bundle in the output folder")


def run(options: argparse.Namespace) -> None:
    """Build the bundle and show its report."""
    from export_pipeline.bundle import require_replaceable
    from export_pipeline.report import PICTURE_FILE

    recipe, out = recipe_and_bundle_path(options.what, options.output)
    require_replaceable(out, recipe, options.replace)
    with opened_pipeline(options) as pipeline:
        network = pipeline.compress(pipeline.train())
        exported = pipeline.export(network)
        parity = pipeline.verify(network.compressed.model, exported)
        report = pipeline.report(network, exported, parity)
        show_report(report, options.json)
        bundle = pipeline.bundle(network, exported, parity, report)
    if not options.json:
        print(f"\nbundle:  {bundle.path}")
        if (bundle.path / PICTURE_FILE).is_file():
            print(f"picture: {bundle.path / PICTURE_FILE}")


VERB = Verb("build", "train, compress, export, verify, report and bundle", add, run, always)
