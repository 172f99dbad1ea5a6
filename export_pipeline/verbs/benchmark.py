"""``benchmark MODEL...``: latency, interleaved in one idle process."""

from __future__ import annotations

import argparse
from pathlib import Path

from export_pipeline.base.console import Console
from export_pipeline.verbs.common import MODEL_HELP, Verb, show


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--runs", type=int, default=30, help="timed runs of each, 30 or more (default: 30)")
    parser.add_argument("--threads", type=int, help="threads of the computation (default: one, then all)")


def run(options: argparse.Namespace) -> None:
    """Time the models and show a row for each."""
    from export_pipeline.report import benchmark, benchmark_text

    with Console(options.quiet) as console:
        rows = benchmark(options.models, runs=options.runs, threads=options.threads, say=console.say)
    show([row.model_dump(mode="json") for row in rows], options.json, lambda: benchmark_text(rows))


VERB = Verb("benchmark", "time model files, interleaved", add, run)
