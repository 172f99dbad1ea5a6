"""The verbs of the command line, a file each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export_pipeline.verbs.common import Verb

# A module of this package each, in the order of `export-pipeline --help`.
NAMES = (
    "build",
    "train",
    "compress",
    "export",
    "verify",
    "report",
    "diff",
    "sign",
    "plan",
    "sweep",
    "stylize",
    "predict",
    "inspect",
    "benchmark",
    "compare",
    "quantize",
    "distill",
    "schema",
    "app",
    "device",
    "clean",
    "list",
    "completion",
    "doctor",
)


def all_verbs() -> tuple[Verb, ...]:
    """Every verb, in the order of :data:`NAMES`. Importing them loads nothing heavy."""
    return tuple(import_module(f"{__name__}.{name}").VERB for name in NAMES)
