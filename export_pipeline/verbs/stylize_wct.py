"""``stylize --method wct``: a photograph of any size after any paintings, by whitening and colouring of features."""

from __future__ import annotations

import argparse
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.base.console import Console
from export_pipeline.base.files import locked, refuse_input, remove_parts
from export_pipeline.errors import UsageError
from export_pipeline.verbs.stylize_adain import OF_PAINTERS, check

if TYPE_CHECKING:
    import numpy as np

    from export_pipeline.perception.codec import Codec
    from export_pipeline.universal.wct.paint import How

OWN = (*OF_PAINTERS, "encoder", "decoders", "vgg_weights", "deepest", "diagonal")
KEPT_FROM = 8_000_000  # pixels: pictures of which stages are kept, so that an interrupted run goes on


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that no other method has."""
    own = parser.add_argument_group("with --method wct").add_argument
    own(
        "--encoder",
        metavar="NAME",
        help="whose features are changed: distilled, vgg19 or a .weights file of distill (default: distilled); "
        "--vgg-weights is for vgg19",
    )
    own("--decoders", type=Path, metavar="FILE", help="of that encoder (default for distilled: what comes along)")
    own(
        "--deepest",
        choices=tuple(f"relu{block}_1" for block in range(1, 6)),
        help="the layer that is begun with; a shallower one changes less of what is seen (default: relu4_1)",
    )
    own(
        "--diagonal",
        action="store_true",
        default=None,
        help="change each channel alone, as AdaIN does, and not how channels vary together: calmer, with less texture",
    )


def run(photograph: Path, options: argparse.Namespace, weights: list[float] | None, console: Console) -> dict[str, Any]:
    """Make the picture; what ``--json`` prints of it.

    Args:
        weights: of each style; ``None`` is equal ones.

    Raises:
        UsageError: options that do not go together, a value out of range, or decoders that there are not.
        ImageError, OutputError, WeightsError: what is named cannot be read or written.
    """
    check(options, weights)
    encoder = options.encoder or "distilled"
    if options.vgg_weights is not None and encoder != "vgg19":
        raise UsageError("--vgg-weights is for --encoder vgg19. Leave it out.")
    masks = options.mask or []
    network = None if encoder in ("distilled", "vgg19") else Path(encoder)
    refuse_input(options.output, photograph, *options.style, *masks, options.decoders, network)

    from export_pipeline.base.images import check_output, load_image, load_photograph, save_image
    from export_pipeline.gatys.optimize import shares_of
    from export_pipeline.perception.codec import Codec
    from export_pipeline.universal.painter import mask_of, with_colours_of
    from export_pipeline.universal.wct.paint import DEEPEST, How

    check_output(options.output)
    photo = load_photograph(photograph)
    paintings = [load_photograph(path) for path in options.style]
    places = [mask_of(load_image(path), *photo.shape[:2]) for path in masks]
    shares = shares_of(paintings, weights)  # before anything is fetched
    codec = Codec.open(encoder, options.decoders, options.vgg_weights)
    how = How(
        1.0 if options.strength is None else options.strength,
        options.deepest or (DEEPEST if DEEPEST in codec.taps else codec.taps[-1]),
        bool(options.diagonal),
    )
    if how.deepest not in codec.taps:
        raise UsageError(f"there is no decoder of {how.deepest}; allowed: {', '.join(codec.taps)}")
    with _unfinished(options.output, photo) as folder:
        picture = _painted(codec, photo, paintings, shares, places, how, console, folder)
        if options.preserve_colour:
            picture = with_colours_of(photo, picture)
        save_image(options.output, picture)
    return {
        "method": "wct",
        "photo": str(photograph),
        "styles": list(map(str, options.style)),
        "encoder": encoder,
        "stages": list(how.taps(codec)),
        "strength": how.strength,
        "diagonal": how.diagonal,
        "output": str(options.output),
        "height": picture.shape[0],
        "width": picture.shape[1],
    }


def _painted(
    codec: Codec,
    photo: np.ndarray,
    paintings: list[np.ndarray],
    shares: list[float],
    places: list[np.ndarray],
    how: How,
    console: Console,
    folder: Path | None,
) -> np.ndarray:
    """One picture of all *paintings* by their *shares*, or, where there are masks *places*, one of each."""
    from export_pipeline.universal.painter import composed
    from export_pipeline.universal.wct.paint import paint

    def told(done: int, count: int, stage: str) -> None:
        console.progress("square", done, count, {})

    if not places:
        return paint(codec, photo, paintings, shares, how, told, folder)
    return composed([paint(codec, photo, [one], [1.0], how, told, folder) for one in paintings], places)


@contextlib.contextmanager
def _unfinished(output: Path, photo: np.ndarray) -> Iterator[Path | None]:
    """A folder beside *output* for what an interrupted run goes on from, gone when all is done.

    ``None`` for a *photo* that is painted in less time than it is worth.
    """
    if photo.shape[0] * photo.shape[1] < KEPT_FROM:
        yield None
        return
    folder = output.parent / f".{output.name}.work"
    with locked(folder, "painting"):
        remove_parts(folder)
        yield folder
    shutil.rmtree(folder)
