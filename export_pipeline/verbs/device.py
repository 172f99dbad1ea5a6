"""``device import RESULT...``: what phones measured, into the bundle that it was measured of."""

from __future__ import annotations

import argparse
from pathlib import Path

from export_pipeline.verbs.common import Verb, show


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("action", choices=("import",), help="import: add results to a bundle's report")
    parser.add_argument(
        "results",
        type=Path,
        nargs="+",
        metavar="RESULT",
        help="a benchmark.json that the app shared",
    )
    parser.add_argument(
        "--bundle",
        type=Path,
        metavar="FOLDER",
        help="that was measured (default: artifacts/NAME, by the results' name)",
    )


def run(options: argparse.Namespace) -> None:
    """Add the results, and show all that the bundle has."""
    from export_pipeline.bundle import Bundle
    from export_pipeline.report import read_report, render_pages
    from export_pipeline.report.device_rows import devices_table
    from export_pipeline.report.devices import import_results, read_result
    from export_pipeline.report.tables import text_table

    folder = options.bundle or Path("artifacts") / read_result(options.results[0])[0]
    found = import_results(Bundle.open(folder), options.results, lambda aside: render_pages(aside, read_report(aside)))
    show(found.model_dump(mode="json"), options.json, lambda: text_table(devices_table(found)))


VERB = Verb("device", "add what phones measured to the report of a bundle", add, run)
