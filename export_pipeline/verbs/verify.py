"""``verify BUNDLE`` checks a bundle again; ``verify RECIPE`` is the build up to the parity checks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from export_pipeline.base.console import Console
from export_pipeline.verbs.common import (
    Verb,
    add_build_arguments,
    add_junit,
    named_bundle,
    names_recipe,
    opened_pipeline,
    show,
)

if TYPE_CHECKING:
    from export_pipeline.records.parity import ParityResult


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_build_arguments(parser, "RECIPE|BUNDLE")
    add_junit(parser)


def run(options: argparse.Namespace) -> None:
    """Run every file, show how near it comes to the float network, and fail where that is not near enough."""
    from export_pipeline.report.junit import parity_cases, write_junit
    from export_pipeline.verify.golden import require_passed, verify_bundle

    rows: Sequence[ParityResult]
    bundle = named_bundle(options)
    if bundle:
        name, rows = bundle.manifest.name, verify_bundle(bundle, Console(options.quiet).say)
    else:
        with opened_pipeline(options) as pipeline:
            pipeline.task.fetch()
            network = pipeline.compress(pipeline.train())
            name, rows = pipeline.recipe.name, pipeline.verify(network.compressed.model, pipeline.export(network))
    write_junit(options.junit, name, {"parity": parity_cases(rows)})
    show([row.model_dump() for row in rows], options.json, lambda: _table(rows))
    require_passed(rows)


def _table(rows: Sequence[ParityResult]) -> str:
    bad = sum(row.status != "passed" for row in rows)
    head = f"FAILED: {bad} of {len(rows)} files" if bad or not rows else f"PASSED: {len(rows)} files"
    lines = [head, "", f"{'target':<18}{'PSNR dB':>9}{'needed':>8}{'max abs':>9}{'SSIM':>8}  status"]
    for row in rows:
        lines.append(
            f"{row.target:<18}{_number(row.psnr, 2):>9}{row.min_psnr:>8g}{_number(row.max_abs, 1):>9}"
            f"{_number(row.ssim, 4):>8}  {row.status.upper()} {row.reason}".rstrip()
        )
    return "\n".join(lines)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


VERB = Verb("verify", "run every file against the float network", add, run, names_recipe)
