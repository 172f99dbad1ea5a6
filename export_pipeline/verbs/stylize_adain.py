"""``stylize --method adain``: a photograph of any size after any paintings, in one pass of a network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.base.console import Console
from export_pipeline.base.files import refuse_input
from export_pipeline.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from export_pipeline.universal.painter import Painter

OF_PAINTERS = ("strength", "mask")  # options of the methods that paint in one pass
OWN = (*OF_PAINTERS, "network")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of its own, and those that ``wct`` takes, too."""
    both = parser.add_argument_group("with --method adain or wct").add_argument
    both(
        "--strength",
        type=float,
        metavar="S",
        help="1 has the style in full, 0 leaves the photograph, which wct softens all the same (default: 1)",
    )
    both(
        "--mask",
        type=Path,
        action="append",
        metavar="IMAGE",
        help="where a style is painted: white; once for each --style, in their order",
    )
    own = parser.add_argument_group("with --method adain").add_argument
    own("--network", type=Path, metavar="CHECKPOINT", help="of arbitrary style transfer (default: the one released)")


def run(photograph: Path, options: argparse.Namespace, weights: list[float] | None, console: Console) -> dict[str, Any]:
    """Make the picture; what ``--json`` prints of it.

    Args:
        weights: of each style; ``None`` is equal ones.

    Raises:
        UsageError: options that do not go together, or a value out of range.
        CheckpointError, ImageError, OutputError: what is named cannot be read or written.
    """
    check(options, weights)
    masks = options.mask or []
    refuse_input(options.output, photograph, *options.style, *masks)

    from export_pipeline.base.images import check_output, load_image, load_photograph, save_image
    from export_pipeline.universal.painter import RELEASED, How, Painter, mask_of

    check_output(options.output)
    photo = load_photograph(photograph)
    paintings = [load_photograph(path) for path in options.style]
    shares = [mask_of(load_image(path), *photo.shape[:2]) for path in masks]
    painter = Painter.open(options.network or RELEASED)
    how = How(1.0 if options.strength is None else options.strength, bool(options.preserve_colour))
    picture = _painted(painter, photo, paintings, shares, weights, how, console)
    save_image(options.output, picture)
    return {
        "method": "adain",
        "photo": str(photograph),
        "styles": list(map(str, options.style)),
        "strength": how.strength,
        "output": str(options.output),
        "height": picture.shape[0],
        "width": picture.shape[1],
    }


def check(options: argparse.Namespace, weights: list[float] | None) -> None:
    """Hold what the methods that paint in one pass share against each other.

    Raises:
        UsageError: options that do not go together, or a value out of range.
    """
    if not options.style:
        raise UsageError(f"--method {options.method} paints after paintings; name one or more with --style")
    if options.strength is not None and not 0 <= options.strength <= 1:
        raise UsageError(f"--strength is {options.strength:g}; it must be 0 to 1")
    if options.mask and len(options.mask) != len(options.style):
        raise UsageError(
            f"{len(options.mask)} masks for {len(options.style)} styles; give --mask once for each --style"
        )
    if options.mask and weights:
        raise UsageError("--style-weights mixes styles everywhere, and --mask keeps them apart; give one of them")


def _painted(
    painter: Painter,
    photo: np.ndarray,
    paintings: list[np.ndarray],
    masks: list[np.ndarray],
    weights: list[float] | None,
    how: Any,
    console: Console,
) -> np.ndarray:
    from export_pipeline.gatys.optimize import shares_of
    from export_pipeline.universal.painter import composed, mixed

    def told(done: int, count: int, layer: str) -> None:
        console.progress("layer", done, count, {})

    if not masks:
        return painter.paint(photo, mixed(paintings, shares_of(paintings, weights)), how, told)
    return composed([painter.paint(photo, mixed([one], [1.0]), how, told) for one in paintings], masks)
