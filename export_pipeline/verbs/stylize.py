"""``stylize``: one picture, with a model file or by optimization after style images."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.base.console import Console
from export_pipeline.base.files import refuse_input
from export_pipeline.errors import UsageError
from export_pipeline.verbs import stylize_adain, stylize_wct
from export_pipeline.verbs.common import MODEL_HELP, VGG_HELP, Verb, show

if TYPE_CHECKING:
    import numpy as np

    from export_pipeline.gatys.optimize import Iteration, Optimization, Stylized

DEFAULT_SIZE = 512
CHECKPOINT_SUFFIX = ".safetensors"
LARGEST_SIZE = 2048  # L-BFGS remembers forty pictures in double precision: 4 GB
# What the settings of the optimization and the options that set them are called.
SETTINGS = (
    *("iterations", "content_weight", "style_weight", "style_loss"),
    *("tv_weight", "start", "seed", "preserve_colour"),
)
OF_BOTH = ("style", "style_weights", "preserve_colour")  # which the methods without a model share
OF_GATYS = ("loss_network", "vgg_weights", "every", "size", *SETTINGS)
# The options of each method; those of another are refused.
OPTIONS: dict[str, tuple[str, ...]] = {
    "model": (),
    "gatys": (*OF_BOTH, *OF_GATYS),
    "adain": (*OF_BOTH, *stylize_adain.OWN),
    "wct": (*OF_BOTH, *stylize_wct.OWN),
}
PAINTERS = {"adain": stylize_adain.run, "wct": stylize_wct.run}


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments. The methods take different ones: those given are held against the method later."""
    parser.usage = (
        f"{parser.prog} MODEL IMAGE -o OUT [--threads N] [--json]\n       "
        f"{parser.prog} PHOTO --method {{adain,gatys,wct}} --style STYLE [--style STYLE ...] -o OUT [...]"
    )
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help=f"{MODEL_HELP}, or a checkpoint; none with a --method"
    )
    # Not required of the parser, which then takes two paths, one, and two with options between them.
    parser.add_argument("image", type=Path, metavar="IMAGE", help="the photograph").required = False
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="an image file; its suffix is the format"
    )
    parser.add_argument(
        "--method",
        choices=tuple(OPTIONS),
        default="model",
        help="a model; for a photograph of any size the network of any style, or whitening and colouring; or "
        "optimization (default: model)",
    )
    parser.add_argument("--threads", type=int, help="threads of the computation with a model (default: all)")
    _add_shared(parser)
    stylize_adain.add(parser)
    stylize_wct.add(parser)
    _add_gatys(parser)


def _add_shared(parser: argparse.ArgumentParser) -> None:
    own = parser.add_argument_group("with --method adain, gatys or wct").add_argument
    own("--style", type=Path, action="append", metavar="IMAGE", help="a style image; once for each")
    own("--style-weights", metavar="W,W", help="of each style, relative to one another (default: equal)")
    own("--preserve-colour", action="store_true", default=None, help="paint with the luminance only")


def _add_gatys(parser: argparse.ArgumentParser) -> None:
    own = parser.add_argument_group("with --method gatys").add_argument
    own("--loss-network", choices=("distilled", "vgg19"), help="that looks at the images (default: distilled)")
    own("--vgg-weights", metavar="FILE", help=VGG_HELP)
    own("--iterations", type=int, metavar="N", help="of L-BFGS (default: 200)")
    own("--every", type=int, metavar="K", help="write the picture beside OUT every K iterations, as OUT-0050.png")
    own(
        "--start",
        choices=("photo", "noise"),
        help="what to begin with: the photograph with a little noise, or noise alone (default: photo)",
    )
    own("--seed", type=int, metavar="N", help="of the noise (default: 0)")
    own("--size", type=int, metavar="PIXELS", help="longer side of the picture, at most (default: 512)")
    own("--content-weight", type=float, metavar="W", help="of what the photograph shows (default: 1)")
    own("--style-weight", type=float, metavar="W", help="of all styles together (default: 2)")
    own(
        "--style-loss",
        choices=("gram", "moments"),
        help="of Gram matrices, or of means and covariances (default: gram)",
    )
    own("--tv-weight", type=float, metavar="W", help="of smoothness (default: 0.1)")


def run(options: argparse.Namespace) -> None:
    """Make the picture and show where it lies."""
    with Console(options.quiet) as console:
        found = stylize(options, console)
    show(found, options.json, lambda: str(options.output))


def stylize(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Make the picture that the options of the command line ask for; what ``--json`` prints of it.

    Raises:
        UsageError: options that do not go together, or a value out of range.
        ImageError, ModelError, WeightsError, OutputError: what is named cannot be read, run or written.
    """
    paths = [path for path in (options.model, options.image) if path is not None]
    _refuse_foreign(options)
    if options.method != "model":
        if len(paths) != 1:
            raise UsageError(
                f"--method {options.method} takes one PHOTO and no model; got {len(paths)} paths: "
                f"{', '.join(map(str, paths))}.\nName style images with --style."
            )
        if options.threads is not None:
            raise UsageError(
                f"--threads is for a model file; --method {options.method} uses every processor. Leave it out."
            )
        if options.method == "gatys":
            return _by_optimization(paths[0], options, console)
        weights = None if options.style_weights is None else _numbers("--style-weights", options.style_weights)
        return PAINTERS[options.method](paths[0], options, weights, console)
    if len(paths) != 2:
        raise UsageError(
            f"stylize takes MODEL IMAGE; got one path: {paths[0]}.\n"
            "To stylize without a model, give --method wct, adain or gatys, and --style STYLE."
        )
    model, photograph = paths
    return _with_model(model, photograph, options, console)


def _refuse_foreign(options: argparse.Namespace) -> None:
    """Refuse options of other methods than the one that is asked for."""
    own = OPTIONS[options.method]
    for name in dict.fromkeys(name for names in OPTIONS.values() for name in names):
        if name not in own and getattr(options, name) is not None:
            methods = [method for method, names in OPTIONS.items() if name in names]
            why = "a model file has its style in it" if options.method == "model" else "leave it out"
            raise UsageError(f"{_flag(name)} is for --method {' or '.join(methods)}; {why}.")


def _with_model(model: Path, photograph: Path, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    from export_pipeline.base.images import check_output, load_photograph, save_image, to_uint8
    from export_pipeline.formats import open_model, resize_to

    refuse_input(options.output, model, photograph)
    check_output(options.output)
    image = load_photograph(photograph)
    if model.suffix == CHECKPOINT_SUFFIX:
        return _with_checkpoint(model, image, options, console)
    runtime = open_model(model, options.threads)
    fits = len(runtime.inputs) == 1 and runtime.takes_size(runtime.inputs[0], *image.shape[:2])
    fitted = image if fits else resize_to(image, runtime.signature)
    if fitted.shape != image.shape:
        (old_height, old_width), (height, width) = image.shape[:2], fitted.shape[:2]
        console.say(f"{photograph}: {old_width}x{old_height} resized and cropped to the model's {width}x{height}")
    output = to_uint8(runtime.stylize(fitted))
    save_image(options.output, output)
    return {
        "model": str(model),
        "runtime": f"{runtime.name} {runtime.version}",
        "output": str(options.output),
        "height": output.shape[0],
        "width": output.shape[1],
    }


def _with_checkpoint(model: Path, image: np.ndarray, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """The float network of a checkpoint, which takes the photograph in its own size, in bands of rows."""
    from export_pipeline.base.images import save_image, to_uint8
    from export_pipeline.train import restored
    from export_pipeline.train.checkpoint import Checkpoint
    from export_pipeline.universal.bands import run_in_bands

    checkpoint = Checkpoint.open(model)
    if checkpoint.info.recipe.task != "style_transfer":
        raise UsageError(
            f"{model} is of a network of {checkpoint.info.recipe.task}; allowed: one of style_transfer. "
            "For arbitrary_style give --method adain --network."
        )

    def told(done: int, count: int, layer: str) -> None:
        console.progress("layer", done, count, {})

    output = to_uint8(run_in_bands(restored(checkpoint), {"image": image}, progress=told))
    save_image(options.output, output)
    made = {"model": str(model), "runtime": "float network in bands", "output": str(options.output)}
    return {**made, "height": output.shape[0], "width": output.shape[1]}


def _by_optimization(photograph: Path, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    from export_pipeline.base.images import check_output, load_photograph, save_image

    how, weights, every = _checked(options)
    kept = _intermediates(options.output, how.iterations, every)
    for path in (options.output, *kept.values()):
        refuse_input(path, photograph, *options.style)
        check_output(path)
    photo = _photo(photograph, DEFAULT_SIZE if options.size is None else options.size, console)
    styles = [load_photograph(path) for path in options.style]

    from export_pipeline.gatys.optimize import stylize as optimized
    from export_pipeline.perception.loss_network import named_loss_network

    def on_iteration(reached: Iteration) -> None:
        if reached.number in kept:
            save_image(kept[reached.number], reached.picture())
        console.progress("iteration", reached.number, how.iterations, reached.losses)

    network = named_loss_network(options.loss_network or "distilled", options.vgg_weights)
    made = optimized(photo, styles, network, how, weights, on_iteration)
    save_image(options.output, made.picture)
    if made.iterations < how.iterations:
        console.say(f"ended after {made.iterations} of {how.iterations} iterations: {made.message}")
    written = [path for number, path in kept.items() if number <= made.iterations]
    return _record(photograph, options, made, written)


def _checked(options: argparse.Namespace) -> tuple[Optimization, list[float] | None, int | None]:
    """The settings, the weights of the styles and the distance of intermediate pictures, held against each other."""
    if not options.style:
        raise UsageError("--method gatys paints after style images; name one or more with --style")
    if options.vgg_weights is not None and options.loss_network != "vgg19":
        raise UsageError("--vgg-weights is for --loss-network vgg19; the distilled one comes along. Leave it out.")
    if options.every is not None and options.every < 1:
        raise UsageError(f"--every is {options.every}; it must be 1 or more")

    from export_pipeline.gatys.optimize import LEAST_SIDE, Optimization, shares_of

    if options.size is not None and not LEAST_SIDE <= options.size <= LARGEST_SIZE:
        raise UsageError(f"--size is {options.size}; allowed: {LEAST_SIDE} to {LARGEST_SIZE}")
    weights = None if options.style_weights is None else _numbers("--style-weights", options.style_weights)
    shares_of(options.style, weights)
    given = {name: getattr(options, name) for name in SETTINGS if getattr(options, name) is not None}
    return Optimization(**given), weights, options.every


def _numbers(flag: str, written: str) -> list[float]:
    try:
        found = [float(number) for number in written.split(",")]
    except ValueError as error:
        raise UsageError(f"{flag} is {written!r}; give numbers with commas between them, such as 1,0.5") from error
    if not all(map(math.isfinite, found)):
        raise UsageError(f"{flag} is {written!r}; each must be a finite number")
    return found


def _intermediates(out: Path, iterations: int, every: int | None) -> dict[int, Path]:
    """The file of each iteration whose picture is kept: ``out-0050.png``."""
    if every is None:
        return {}
    numbers = range(every, iterations + 1, every)
    return {number: out.with_name(f"{out.stem}-{number:04d}{out.suffix}") for number in numbers}


def _photo(path: Path, size: int, console: Console) -> np.ndarray:
    from export_pipeline.base.images import load_image, within
    from export_pipeline.gatys.optimize import check_size

    image = load_image(path)
    photo = within(image, size)
    check_size(photo, path)
    if photo.shape != image.shape:
        (old_height, old_width), (height, width) = image.shape[:2], photo.shape[:2]
        console.say(f"{path}: {old_width}x{old_height} scaled down to {width}x{height}; --size allows more")
    return photo


def _record(photograph: Path, options: argparse.Namespace, made: Stylized, written: list[Path]) -> dict[str, Any]:
    return {
        "method": "gatys",
        "photo": str(photograph),
        "styles": list(map(str, options.style)),
        "loss_network": options.loss_network or "distilled",
        "iterations": made.iterations,
        "evaluations": made.evaluations,
        "losses": {name: round(value, 6) for name, value in made.losses.items()},
        "intermediates": list(map(str, written)),
        "output": str(options.output),
        "height": made.picture.shape[0],
        "width": made.picture.shape[1],
    }


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


VERB = Verb("stylize", "stylize one image with a model file, or after any style images", add, run)
