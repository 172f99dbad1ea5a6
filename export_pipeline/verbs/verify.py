"""``verify BUNDLE`` checks a bundle again; ``verify RECIPE`` is the build up to the parity checks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from export_pipeline.base.console import Console
from export_pipeline.errors import CheckFailed, UsageError
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
    from export_pipeline.bundle import Bundle
    from export_pipeline.records.parity import ParityResult
    from export_pipeline.report.junit import Case


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_build_arguments(parser, "RECIPE|BUNDLE")
    add_junit(parser)
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="PEM file of the public key by whose private one the bundle is signed"
    )
    parser.add_argument(
        "--trust",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="instead, PEM file of certificates, of which one is the issuer of that in the signature; once for each",
    )


def run(options: argparse.Namespace) -> None:
    """Run every file, show how near it comes to the float network, and fail where that is not near enough."""
    from export_pipeline.report.junit import parity_cases, write_junit
    from export_pipeline.verify.golden import require_passed, verify_bundle

    rows: Sequence[ParityResult]
    bundle, signature = named_bundle(options), None
    if bundle:
        signature = _signature(bundle, options)
        name, rows = bundle.manifest.name, verify_bundle(bundle, Console(options.quiet).say)
    elif options.key or options.trust:
        raise UsageError("--key and --trust are for bundles, which are signed; a recipe is not. Leave them out.")
    else:
        with opened_pipeline(options) as pipeline:
            pipeline.task.fetch()
            network = pipeline.network()
            name, rows = pipeline.recipe.name, pipeline.verify(network.compressed.model, pipeline.export(network))
    signed = {"signature": [signature]} if signature and signature.status == "passed" else {}
    write_junit(options.junit, name, {**signed, "parity": parity_cases(rows)})
    show([row.model_dump() for row in rows], options.json, lambda: _table(rows) + _line(signature))
    require_passed(rows)


def _signature(bundle: Bundle, options: argparse.Namespace) -> Case | None:
    """What the signature of *bundle* is worth; nothing where there is none and none is asked for."""
    from export_pipeline.bundle import SIGNATURE
    from export_pipeline.report.junit import Case, write_junit
    from export_pipeline.verify.signing import Trust, check_signature

    if options.key and options.trust:
        raise UsageError("give --key or --trust: a signature has a key, or a certificate.")
    if not (options.key or options.trust):
        there = (bundle.path / SIGNATURE).exists()
        return (
            Case(SIGNATURE, "signature", "skipped", "neither --key nor --trust says who is trusted") if there else None
        )
    trust = Trust(options.key, options.trust)
    try:
        return Case(SIGNATURE, "signature", "passed", f"{check_signature(bundle, trust)} files, by whom {trust} trusts")
    except CheckFailed as error:
        case = Case(SIGNATURE, "signature", "failed", str(error))
        write_junit(options.junit, bundle.manifest.name, {"signature": [case]})
        raise


def _line(signature: Case | None) -> str:
    return f"\n\nsignature: {signature.status.upper()}, {signature.reason}" if signature else ""


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
