"""``report BUNDLE`` shows the report that it holds; ``report RECIPE`` is the build up to the report."""

from __future__ import annotations

import argparse

from export_pipeline.verbs.common import (
    Verb,
    add_build_arguments,
    add_junit,
    named_bundle,
    names_recipe,
    opened_pipeline,
    show_report,
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_build_arguments(parser, "RECIPE|BUNDLE")
    add_junit(parser)


def run(options: argparse.Namespace) -> None:
    """Show the report; of a recipe, fail where a check of it did."""
    from export_pipeline.report import check, read_report
    from export_pipeline.report.junit import report_suites, write_junit

    bundle = named_bundle(options)
    if bundle:
        bundle.check_files()
        found = read_report(bundle.path)
        write_junit(options.junit, bundle.manifest.name, report_suites(found))
        show_report(found, options.json)
        return
    with opened_pipeline(options) as pipeline:
        pipeline.task.fetch()
        network = pipeline.network()
        exported = pipeline.export(network)
        parity = pipeline.verify(network.compressed.model, exported)
        made = pipeline.report(network, exported, parity)
        show_report(made, options.json)
        write_junit(options.junit, pipeline.recipe.name, report_suites(made))
        check(made, where=pipeline.files)


VERB = Verb("report", "show sizes, speed, quality and budgets", add, run, names_recipe)
