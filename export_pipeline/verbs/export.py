"""``export RECIPE``: the build up to the exported files."""

from __future__ import annotations

import argparse

from export_pipeline.verbs.common import Verb, add_build_arguments, always, opened_pipeline, show_pairs


def run(options: argparse.Namespace) -> None:
    """Train, compress and export, and tell where each target's file lies."""
    with opened_pipeline(options) as pipeline:
        exported = pipeline.export(pipeline.network())
        files = {model.target: str(pipeline.files / model.file) for model in exported}
    show_pairs(files, options.json)


VERB = Verb("export", "train, compress and export", add_build_arguments, run, always)
