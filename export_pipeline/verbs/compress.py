"""``compress RECIPE``: the build up to the compressed network."""

from __future__ import annotations

import argparse

from export_pipeline.verbs.common import Verb, add_build_arguments, always, opened_pipeline, show_checkpoint


def run(options: argparse.Namespace) -> None:
    """Train and compress, and tell where the checkpoint lies."""
    with opened_pipeline(options) as pipeline:
        checkpoint = pipeline.network().checkpoint
    show_checkpoint(checkpoint, options.json)


VERB = Verb("compress", "train and compress", add_build_arguments, run, always)
