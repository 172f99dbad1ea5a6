"""``diff OLD NEW``: what has changed from one bundle or report to another."""

from __future__ import annotations

import argparse
from pathlib import Path

from export_pipeline.base.console import Console
from export_pipeline.verbs.common import Verb, add_junit, recipe_path, show


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    what = "a bundle, a folder with report.json, or what 'report --json' printed"
    parser.add_argument("old", type=Path, metavar="OLD", help=what)
    parser.add_argument("new", type=Path, metavar="NEW", help="the same of the later build")
    parser.add_argument("--limits", metavar="RECIPE", help="take [report.regression] from it, not from NEW's recipe")
    parser.add_argument("--time", action="store_true", help="time the files of both in one run, in turns")
    parser.add_argument("--runs", type=int, default=30, help="timed runs of each file, 30 or more (default: 30)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write a comment for a pull request")
    add_junit(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with the pictures of both side by side")


def run(options: argparse.Namespace) -> None:
    """Compare, show, and fail where a limit is broken."""
    from export_pipeline import diff as differ
    from export_pipeline.base.files import check_writable, write_text
    from export_pipeline.recipe import Recipe
    from export_pipeline.report.junit import limit_cases, write_junit

    for path in filter(None, (options.markdown, options.html, options.junit)):
        check_writable(path)
    old, new = differ.read_release(options.old), differ.read_release(options.new)
    limits = Recipe.load(recipe_path(options.limits)) if options.limits else None
    say = Console(options.quiet).say
    sheet = differ.picture_sheet(old, new, say) if options.html else None
    found = differ.diff(old, new, limits, sheet=sheet, timed=options.time, runs=options.runs, say=say)
    if options.markdown:
        write_text(options.markdown, differ.markdown(found))
    if options.html:
        write_text(options.html, differ.page(found, sheet if isinstance(sheet, differ.Sheet) else None))
    write_junit(options.junit, found.new.name, {"limits": limit_cases(found.limits)})
    shown = {"verdict": found.verdict, **found.model_dump(mode="json")}
    show(shown, options.json, lambda: differ.terminal(found))
    differ.check(found)


VERB = Verb("diff", "what has changed from one bundle or report to another", add, run)
