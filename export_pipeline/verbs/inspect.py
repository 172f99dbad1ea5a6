"""``inspect MODEL...``: what lies in model files."""

from __future__ import annotations

import argparse
from pathlib import Path

from export_pipeline.base.reading import read_only
from export_pipeline.verbs.common import MODEL_HELP, Verb, show


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "models",
        type=Path,
        nargs="+",
        metavar="MODEL",
        help=f"{MODEL_HELP}, a .weights container of quantize, or a .safetensors checkpoint",
    )
    parser.add_argument("--brief", action="store_true", help="without the operations of Core ML files, one by one")


def run(options: argparse.Namespace) -> None:
    """Show each file; the JSON of one file is an object, of several a list.

    Raises:
        CheckFailed: a file is not what its name says; all are shown before.
    """
    from export_pipeline.errors import CheckFailed
    from export_pipeline.report import Inspection, inspect, inspection_text
    from export_pipeline.report.checkpoint import CheckpointInspection, checkpoint_text

    read_only()
    found = [inspect(path) for path in options.models]
    data = [item.model_dump(mode="json") for item in found]
    texts = (
        checkpoint_text(item) if isinstance(item, CheckpointInspection) else inspection_text(item, options.brief)
        for item in found
    )
    show(data if len(data) > 1 else data[0], options.json, lambda: "\n\n".join(texts))
    wrong = [why for item in found if isinstance(item, Inspection) for why in item.diagnosis.failures]
    if wrong:
        raise CheckFailed(f"{'; '.join(wrong)}. Give it another name, or convert it again.")


VERB = Verb("inspect", "show what lies in model files and containers of weights", add, run)
