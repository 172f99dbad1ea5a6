"""``build RECIPE``: everything, from training to a bundle."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from export_pipeline.verbs.common import (
    Verb,
    add_build_arguments,
    add_junit,
    always,
    opened_pipeline,
    recipe_and_bundle_path,
    show,
    show_report,
)

if TYPE_CHECKING:
    from pathlib import Path

    from export_pipeline.bundle import Bundle
    from export_pipeline.pipeline import Pipeline
    from export_pipeline.recipe import Recipe
    from export_pipeline.report import Report


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_build_arguments(parser)
    add_junit(parser)
    parser.add_argument("--replace", action="store_true", help="let go of another recipe's bundle in the output folder")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and why, and do nothing")


def run(options: argparse.Namespace) -> None:
    """Build the bundle and show its report."""
    from export_pipeline.bundle import require_replaceable
    from export_pipeline.report import PICTURE_FILE, read_report

    recipe, out = recipe_and_bundle_path(options.what, options.output)
    require_replaceable(out, recipe, options.replace)
    if options.dry_run:
        show_outlook(recipe, out, options)
        return
    with opened_pipeline(options, whole=True) as pipeline:
        found = pipeline.up_to_date
        if found:
            _show(read_report(found.path), pipeline, options)
        bundle = found or _built(pipeline, options)
        told = f"{'up to date' if found else 'bundle'}: {bundle.path}"
        if options.json:
            pipeline.say(told)
    if not options.json:
        print(f"\n{told}")
        if (bundle.path / PICTURE_FILE).is_file():
            print(f"picture: {bundle.path / PICTURE_FILE}")


def _built(pipeline: Pipeline, options: argparse.Namespace) -> Bundle:
    pipeline.task.fetch()
    network = pipeline.network()
    exported = pipeline.export(network)
    parity = pipeline.verify(network.compressed.model, exported)
    report = pipeline.report(network, exported, parity)
    _show(report, pipeline, options)
    return pipeline.bundle(network, exported, parity, report)


def _show(report: Report, pipeline: Pipeline, options: argparse.Namespace) -> None:
    from export_pipeline.report.junit import report_suites, write_junit

    show_report(report, options.json)
    write_junit(options.junit, pipeline.recipe.name, report_suites(report))


def show_outlook(recipe: Recipe, out: Path, options: argparse.Namespace) -> None:
    """Show what a build would do and why; nothing is done, and nothing written."""
    from export_pipeline.stage_adapters import check_network, opened_task
    from export_pipeline.work import STAGES
    from export_pipeline.work.outlook import Outlook, StageOutlook, outlook

    if options.fresh:
        rows = (StageOutlook(stage, "do", "--fresh forgets what was done") for stage in STAGES)
        found = Outlook(False, tuple(rows))
    else:
        task = opened_task(recipe)
        found = outlook(task, out)
        if not found.up_to_date:
            check_network(task)
    show(found.as_json(), options.json, lambda: found.text)


VERB = Verb("build", "train, compress, export, verify, report and bundle", add, run, always)
