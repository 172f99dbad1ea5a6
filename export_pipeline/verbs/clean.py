"""``clean [RECIPE|BUNDLE ...]``: removes the work folders of builds, and nothing else."""

from __future__ import annotations

import argparse
from pathlib import Path

from export_pipeline.errors import UsageError
from export_pipeline.verbs.common import Verb, recipe_and_bundle_path, show


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "what", nargs="*", metavar="RECIPE|BUNDLE", help="whose work folder goes (default: all in artifacts)"
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="say what would go, and remove nothing")


def run(options: argparse.Namespace) -> None:
    """Remove the folders, and say how much lay in each. Bundles stay as they are."""
    from export_pipeline.base.files import size
    from export_pipeline.work.folder import is_work, remove_work

    found = [_work_of(what) for what in options.what] or sorted(Path("artifacts").glob(".*.work"))
    rows = [
        {"folder": str(folder), "bytes": size(folder) if options.dry_run else remove_work(folder)}
        for folder in dict.fromkeys(found)
        if is_work(folder)
    ]
    verb = "would go" if options.dry_run else "removed"
    lines = [f"{verb}: {row['folder']}, {row['bytes']:,} bytes" for row in rows]
    show(rows, options.json, lambda: "\n".join(lines or ["there is nothing to clean"]))


def _work_of(what: str) -> Path:
    """The work folder of a bundle, there or not, or of a recipe; or the folder itself.

    Raises:
        UsageError: *what* is none of them.
    """
    from export_pipeline.work.folder import is_work, work_folder

    path = Path(what)
    if is_work(path):
        return path
    if is_work(work_folder(path)) or path.is_dir():
        return work_folder(path)
    try:
        return work_folder(recipe_and_bundle_path(what, None)[1])
    except UsageError as error:
        raise UsageError(f"{what} is no recipe, no bundle and no work folder of a build. Name one of them.") from error


VERB = Verb("clean", "remove the work folders of builds", add, run)
