"""What the command line takes: verbs, arguments and their help. cli.py runs them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from export_pipeline import __version__

EXIT_USAGE = 2
MODEL_HELP = "a .mlpackage, .mlmodel, .tflite, .onnx or .keras model"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all of ours are."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"export-pipeline: {message}. See '{self.prog} --help'.\n")


def parser() -> argparse.ArgumentParser:
    """The parser of the command line; ``verb`` of what it parses names the command."""
    common = _Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the result as JSON")
    common.add_argument("--debug", action="store_true", help="show a traceback with an error")
    root = _Parser(prog="export-pipeline", description="Turn a style transfer network into verified mobile app assets.")
    root.add_argument("--version", action="version", version=f"export-pipeline {__version__}")
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, text: str, *parents: _Parser) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text, parents=[common, *parents])

    _stages(verb)
    _sweep(verb)
    _model_files(verb)
    _weights(verb)
    verb("list", "list networks, targets and shipped recipes")
    verb("doctor", "check what this machine has")
    return root


def _stages(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """The verbs that take a recipe or a bundle."""
    recipe = _Parser(add_help=False)
    recipe.add_argument("-o", "--output", type=Path, help="folder of the bundle (default: artifacts/<name>)")
    recipe.add_argument("--fresh", action="store_true", help="forget what an interrupted build left behind")
    recipe.add_argument("--tensorboard", type=Path, metavar="FOLDER", help="write the losses there as TensorBoard logs")
    for name, text, what in (
        ("build", "train, compress, export, verify, report and bundle", "RECIPE"),
        ("train", "train the float network", "RECIPE"),
        ("compress", "train and compress", "RECIPE"),
        ("export", "train, compress and export", "RECIPE"),
        ("verify", "run every file against the float network", "RECIPE|BUNDLE"),
        ("report", "show sizes, speed, quality and budgets", "RECIPE|BUNDLE"),
    ):
        verb(name, text, recipe).add_argument("what", metavar=what)
    made = verb("plan", "choose the bits of each layer for a number of bytes, by what they do to the picture")
    made.add_argument("what", metavar="RECIPE")
    made.add_argument("--bytes", type=int, required=True, metavar="N", help="most bytes of the clustered kernels")
    made.add_argument("-o", "--output", type=Path, metavar="FILE", help="the plan (default: plan.toml)")
    made.add_argument(
        "--bundle", type=Path, metavar="FOLDER", help="the build to go on with (default: artifacts/<name>)"
    )


def _sweep(verb: Callable[..., argparse.ArgumentParser]) -> None:
    made = verb("sweep", "run a recipe at every combination of values, and compare")
    made.add_argument("what", metavar="RECIPE")
    made.add_argument(
        "--set",
        dest="settings",
        action="append",
        required=True,
        metavar="PATH=VALUES",
        help="a key and its values, such as compress.bits=1..8 or model.alpha=0.25,0.5; several --set make a grid",
    )
    made.add_argument("-o", "--output", type=Path, help="folder of the results (default: artifacts/sweeps/<name>)")
    made.add_argument("--jobs", type=int, help="points at work at a time (default: one for each processor)")
    made.add_argument(
        "--tolerance",
        type=float,
        default=0.05,
        help="rise of style and content distance above the float network's that the picks allow (default: 0.05)",
    )
    made.add_argument("--fresh", action="store_true", help="forget what an interrupted sweep left behind")


def _stylize(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """``stylize``, whose methods take different arguments: stylize.py holds those given against the method."""
    made = verb("stylize", "stylize one image with a model file, or by optimization after any style images")
    made.usage = (
        f"{made.prog} MODEL IMAGE -o OUT [--threads N] [--json]\n       "
        f"{made.prog} PHOTO --method gatys --style STYLE [--style STYLE ...] -o OUT [...]"
    )
    made.add_argument("model", type=Path, metavar="MODEL", help=f"{MODEL_HELP}; none with --method gatys")
    # Not required of the parser, which then takes two paths, one, and two with options between them.
    made.add_argument("image", type=Path, metavar="IMAGE", help="the photograph").required = False
    made.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="an image file; its suffix is the format"
    )
    made.add_argument(
        "--method",
        choices=("model", "gatys"),
        default="model",
        help="a model, or optimization (default: model)",
    )
    made.add_argument("--threads", type=int, help="threads of the computation with a model (default: all)")
    own = made.add_argument_group("with --method gatys").add_argument
    own("--style", type=Path, action="append", metavar="IMAGE", help="a style image; once for each")
    own("--style-weights", metavar="W,W", help="of each style, relative to one another (default: equal)")
    own("--loss-network", choices=("distilled", "vgg19"), help="that looks at the images (default: distilled)")
    own("--vgg-weights", metavar="FILE", help="VGG-19's weights (default: cache or download)")
    own("--preserve-colour", action="store_true", default=None, help="paint with the luminance only")
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


def _predict(verb: Callable[..., argparse.ArgumentParser]) -> None:
    made = verb("predict", "run any model file on any inputs")
    made.add_argument("model", type=Path, metavar="MODEL", help=MODEL_HELP)
    made.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an image, .npy, .npz or .json file, or JSON such as [1, 2, 3]; once for each input",
    )
    made.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="an image file, an .npz file, or a folder (default: print only)",
    )
    made.add_argument("--function", help="of a Core ML program with several (default: its own default)")
    made.add_argument(
        "--compute", metavar="HOW", help="of the Core ML emulator: as_written, or float32 for no half precision"
    )
    made.add_argument("--threads", type=int, help="threads of the computation (default: all)")


def _model_files(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """The verbs that take model files."""
    _stylize(verb)
    _predict(verb)
    made = verb("inspect", "show what lies in model files and containers of weights")
    made.add_argument(
        "models", type=Path, nargs="+", metavar="MODEL", help=f"{MODEL_HELP}, or a .weights container of quantize"
    )
    made.add_argument("--brief", action="store_true", help="without the operations of Core ML files, one by one")
    made = verb("benchmark", "time model files, interleaved")
    made.add_argument("models", type=Path, nargs="+", metavar="MODEL", help=MODEL_HELP)
    made.add_argument("--runs", type=int, default=30, help="timed runs of each, 30 or more (default: 30)")
    made.add_argument("--threads", type=int, help="threads of the computation (default: one, then all)")
    made = verb("compare", "judge the style and content of model files on the same photographs")
    made.add_argument("models", type=Path, nargs="+", metavar="MODEL", help=MODEL_HELP)
    made.add_argument("--style", type=Path, required=True, metavar="IMAGE")
    made.add_argument("--photographs", type=Path, required=True, metavar="FOLDER")
    made.add_argument("--last", type=int, metavar="N", help="only the last N photographs by name")
    made.add_argument("--vgg-weights", metavar="FILE", help="VGG-19's weights (default: cache or download)")


def _weights(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """The verbs that make files of weights."""
    made = verb("quantize", "cluster the weights of any file into a compact container")
    made.add_argument("weights", type=Path, metavar="WEIGHTS", help="a .h5, .keras, .npz or .safetensors file")
    made.add_argument("--bits", type=int, required=True, metavar="N", help="bits of each weight, 1 to 8")
    made.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="a .weights file (default: <WEIGHTS>-<N>bit.weights beside it)"
    )
    made.add_argument("--sparsity", type=float, default=0.0, metavar="S", help="share of weights set to 0 (default: 0)")
    made.add_argument("--half", action="store_true", help="round tables, biases and norms to half precision")
    made = verb("distill", "train a small loss network to have the features of VGG-19")
    made.add_argument("what", metavar="RECIPE", help="a TOML file: images, width and steps")
    made.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a .weights file")
    made.add_argument("--fresh", action="store_true", help="forget what an interrupted run left behind")
