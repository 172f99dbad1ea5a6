"""``python -m export_pipeline.universal``: what universal style transfer is built from.

``encoder FOLDER`` writes what the bundle of the style encoder is built from: the network, pictures to run it on
(built-in photographs and the built-in painting), and the recipe. ``axes RECIPE -o FILE`` finds the principal axes
of the styles of a recipe. ``decoders -o FILE`` trains mirrored decoders.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export_pipeline.base.console import Console
from export_pipeline.base.files import check_writable, refuse_input, write_text
from export_pipeline.base.images import save_image
from export_pipeline.errors import PipelineError, RecipeError
from export_pipeline.formats.keras.archive import save_archive
from export_pipeline.models.vgg import STAGES
from export_pipeline.recipe import ArbitraryStyleRecipe, Recipe
from export_pipeline.tasks import builtin
from export_pipeline.tasks.arbitrary_style import ArbitraryStyle
from export_pipeline.tasks.paintings import squared
from export_pipeline.tasks.style_axes import axes_of, write_style_axes
from export_pipeline.tasks.style_encoding import ENCODED_SIDE, moments_of, style_encoder

STARTED_RATE = 7e-4
RECIPE = """\
# The style encoder of `universal`: a painting in, the statistics out that tell its style. An app runs it once for
# each painting.
name = "universal_encoder"
task = "parity"

[model]
file = "style_encoder.keras"
pixels = [0, 255]

# Full integers miss their tolerance: 22.4 of 30 dB.
[export]
targets = [
    "mlpackage-int8", "mlpackage-fp16", "mlmodel-int8", "aimodel-int8", "aimodel-fp16", "tflite-fp16", "tflite-dynamic",
    "onnx-fp32",
]

[verify]
samples = "samples"
hold_out = 3
"""


def write_encoder(options: argparse.Namespace) -> None:
    """Write the files of the style encoder."""
    folder: Path = options.folder
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    for name, image in {**builtin.photographs(), "painting": builtin.style_image()}.items():
        save_image(folder / "samples" / f"{name}.png", squared(image, ENCODED_SIDE))
    save_archive(style_encoder(), folder / "style_encoder.keras")
    write_text(folder / "encoder.toml", RECIPE)


def write_axes(options: argparse.Namespace) -> None:
    """Find the principal axes of the styles of a recipe."""
    from export_pipeline.models.adain import AXES

    refuse_input(options.output, options.recipe)
    recipe = Recipe.load(options.recipe)
    if not isinstance(recipe, ArbitraryStyleRecipe):
        raise RecipeError(f"{options.recipe} is of task {recipe.task}; axes are those of the styles of arbitrary_style")
    count = recipe.train.style_variants
    if count <= AXES:
        raise RecipeError(f"train.style_variants is {count}; {AXES} axes take {AXES + 1} styles or more. Raise it.")
    check_writable(options.output)
    with Console() as console:
        styles = ArbitraryStyle.open(recipe).variants
        moments = moments_of(styles, lambda done: console.progress("style", done, count, {}))
    write_style_axes(options.output, *axes_of(moments, AXES))
    print(f"{options.output}: {AXES} axes of {count} styles")


def write_decoders(options: argparse.Namespace) -> None:
    """Train decoders, and show how well they rebuild."""
    from export_pipeline.perception.codec import Codec
    from export_pipeline.perception.loss_network import named_loss_network
    from export_pipeline.universal.wct.decoders import decoders_text, material, plan, train_decoders, training_of

    of_file = [Path(one) for one in (options.encoder, options.vgg_weights) if one]
    refuse_input(options.output, *of_file, *options.content)
    photographs, held = material(options.content, options.hold_out)
    network = named_loss_network(options.encoder, options.vgg_weights)
    taps = STAGES[: STAGES.index(options.deepest) + 1]
    begins = options.start or ("nothing" if options.encoder == "distilled" else "distilled")
    start = Codec.open("distilled") if begins == "distilled" else None
    # Decoders that begin as others would forget those at the rate of ones that begin with nothing.
    given = {**({"learning_rate": STARTED_RATE} if start else {}), **_given(options)}
    name = Path(options.encoder).name
    training = training_of(name, network, photographs, plan(options.share, taps), **given)
    with Console() as console:
        made = train_decoders(
            network,
            training,
            photographs,
            held,
            options.output,
            start=start,
            bits=options.bits,
            bits_of={taps[-1]: options.bits_deepest} if options.bits_deepest else {},
            fresh=options.fresh,
            say=console.say,
        )
    print(decoders_text(made))


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Settings of the training that have the same name as an option, where that was given."""
    return {name: getattr(options, name) for name in ("seed", "learning_rate") if getattr(options, name) is not None}


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not possible; it must be a number above 0")
    return number


def parser() -> argparse.ArgumentParser:
    """What is read of the command line."""
    found = argparse.ArgumentParser(prog="python -m export_pipeline.universal", description=__doc__)
    commands = found.add_subparsers(required=True, metavar="COMMAND")
    encoder = commands.add_parser("encoder", help="write what the bundle of the style encoder is built from")
    encoder.add_argument("folder", type=Path, metavar="FOLDER", help="where it goes; made if it is not there")
    encoder.set_defaults(run=write_encoder)
    axes = commands.add_parser("axes", help="find the principal axes of the styles of a recipe")
    axes.add_argument("recipe", type=Path, metavar="RECIPE", help="of the task arbitrary_style")
    axes.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a .weights file")
    axes.set_defaults(run=write_axes)
    decoders = commands.add_parser("decoders", help="train the mirrored decoders of an encoder; goes on where it was")
    own = decoders.add_argument
    own("--encoder", default="distilled", metavar="NAME", help="distilled, vgg19 or a .weights file of distill")
    own("--deepest", choices=STAGES, default=STAGES[-1], help="the last that gets a decoder (default: relu5_1)")
    own(
        "--start",
        choices=("distilled", "nothing"),
        help="what decoders begin as: those that come along, widened, or nothing (default: the former, but for "
        "--encoder distilled)",
    )
    own("--vgg-weights", metavar="FILE", help="of VGG-19, .h5 of Keras or .npz (default: cache or download)")
    own("--content", type=Path, action="append", required=True, metavar="FOLDER", help="photographs; once for each")
    own("--hold-out", type=int, default=20, metavar="N", help="last photographs of the last folder (default: 20)")
    own("--share", type=_positive, default=1.0, metavar="S", help="of the steps of the plan (default: 1)")
    own("--seed", type=int, metavar="N", help="of crops and first weights (default: 0)")
    own(
        "--learning-rate",
        type=_positive,
        metavar="R",
        help="peak of each cosine (default: 0.002; 0.0007 after a --start)",
    )
    own("--bits", type=int, choices=range(1, 9), default=6, metavar="N", help="of a weight in the file (default: 6)")
    own(
        "--bits-deepest", type=int, choices=range(1, 9), metavar="N", help="of the last decoder (default: as of others)"
    )
    own("--fresh", action="store_true", help="forget what an interrupted run left behind")
    own("-o", "--output", type=Path, required=True, metavar="FILE", help="a .weights file; its record lies beside it")
    decoders.set_defaults(run=write_decoders)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line, or *arguments*, ask for; an error is one or two lines, and exit code 2."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except PipelineError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
