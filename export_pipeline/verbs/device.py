"""``device import RESULT...``: what phones measured, into the bundle that it was measured of."""

from __future__ import annotations

import argparse
from pathlib import Path

from export_pipeline.errors import UsageError
from export_pipeline.verbs.common import Verb, show


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("action", choices=("import",), help="import: add results to a bundle's report")
    parser.add_argument(
        "results",
        type=Path,
        nargs="+",
        metavar="RESULT",
        help="a benchmark.json that the app shared, a log or BenchmarkResult of TFLite's benchmark_model, or the "
        "metrics of tests that Xcode ran",
    )
    parser.add_argument(
        "--bundle", type=Path, metavar="FOLDER", help="that was measured (default: artifacts/NAME, by an app's result)"
    )
    own = parser.add_argument_group("what other programs than the app do not tell").add_argument
    own("--file", metavar="NAME", help="of the bundle's file that was timed, where the log does not name it")
    own("--device", metavar="NAME", help="such as 'Pixel 8'")
    own("--system", metavar="NAME", help="with its version, such as 'Android 15'")
    own("--accelerator", metavar="NAME", help="what ran it, such as CPU, GPU or 'Neural Engine'")
    own("--runtime", metavar="NAME", help="such as LiteRT (default: the program that measured)")
    own("--runtime-version", metavar="VERSION")
    own("--threads", type=int, metavar="N", help="of the computation, where it is not told")
    own("--test", metavar="NAME", help="identifier of the test that timed the file, of several")
    own("--predictions", type=int, metavar="N", help="in each measurement of a test (default: 1)")


def run(options: argparse.Namespace) -> None:
    """Add the results, and show all that the bundle has."""
    from export_pipeline.bundle import Bundle
    from export_pipeline.report import read_report, render_pages
    from export_pipeline.report.device_rows import devices_table
    from export_pipeline.report.devices import import_results, read_result
    from export_pipeline.report.foreign import Told
    from export_pipeline.report.tables import text_table

    for name in ("threads", "predictions"):
        if (value := getattr(options, name)) is not None and value < 1:
            raise UsageError(f"--{name} is {value}; it must be 1 or more")
    names = ("file", "device", "system", "accelerator", "runtime", "threads", "test", "predictions")
    told = Told(version=options.runtime_version, **{name: getattr(options, name) for name in names})
    if options.bundle is None and told.given:
        raise UsageError(f"{', '.join(told.given)}: such results do not name their bundle; give --bundle.")
    folder = options.bundle or Path("artifacts") / read_result(options.results[0])[0]
    bundle = Bundle.open(folder)
    found = import_results(bundle, options.results, lambda aside: render_pages(aside, read_report(aside)), told)
    show(found.model_dump(mode="json"), options.json, lambda: text_table(devices_table(found)))


VERB = Verb("device", "add what phones measured to the report of a bundle", add, run)
