"""``app BUNDLE... [--ios FOLDER] [--android FOLDER]``: bundles into apps."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from export_pipeline.errors import UsageError
from export_pipeline.verbs.common import Verb, show

if TYPE_CHECKING:
    from export_pipeline.apps import Copied


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE", help="a folder made by 'build'")
    parser.add_argument("--ios", type=Path, metavar="FOLDER", help="where an iOS app keeps its bundles")
    parser.add_argument("--android", type=Path, metavar="FOLDER", help="where an Android app keeps its bundles")
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="TARGET",
        help="a file to take, such as mlpackage-int8; once for each (default: what the app's code would choose)",
    )


def run(options: argparse.Namespace) -> None:
    """Copy the bundles and show what lies where."""
    from export_pipeline.apps import copy_bundles

    folders = {name: path for name in ("ios", "android") if (path := getattr(options, name))}
    if not folders:
        raise UsageError("no app is named. Give --ios FOLDER, --android FOLDER or both.")
    copied = copy_bundles(options.bundles, folders, options.target)
    show([one.row() for one in copied], options.json, lambda: _table(copied))


def _table(copied: Sequence[Copied]) -> str:
    lines = [f"{'app':<9}{'bytes':>9}  {'status':<11}files"]
    for one in copied:
        lines.append(f"{one.app:<9}{one.bytes:>9}  {one.status:<11}{one.folder}: {', '.join(one.models)}")
    return "\n".join(lines)


VERB = Verb("app", "copy bundles into iOS and Android apps, checked", add, run)
