"""What several verbs share: the form of a verb, the recipe or bundle that is named, and printing."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.base.console import Console
from export_pipeline.errors import UsageError, near

if TYPE_CHECKING:
    from export_pipeline.bundle import Bundle
    from export_pipeline.pipeline import Pipeline
    from export_pipeline.recipe import Recipe
    from export_pipeline.report import Report
    from export_pipeline.train import Checkpoint

SHIPPED = Path(__file__).parents[1] / "recipes"
# The package is on no index: it is installed from where it lies.
EVERYTHING = (
    "In a checkout, pip install '.[all]' brings everything; of a wheel, pip install 'NAME_OF_THE_WHEEL.whl[all]'"
)
MODEL_HELP = "a .mlpackage, .mlmodel, .aimodel, .tflite, .onnx or .keras model"
VGG_HELP = "VGG-19's weights (default: cache or download)"


def never(options: argparse.Namespace) -> bool:
    """For a verb that keeps nothing of what was interrupted."""
    return False


def always(options: argparse.Namespace) -> bool:
    """For a verb that keeps what it has done in a work folder."""
    return True


@dataclass(frozen=True)
class Verb:
    """One verb of the command line.

    Attributes:
        name: what the user types.
        help: one line of what it does.
        add: adds its arguments to its parser; ``--json`` and ``--debug`` are there already.
        run: does the work and prints the result.
        resumes: whether the same command, given again after an interrupt, goes on where it was.
    """

    name: str
    help: str
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]
    resumes: Callable[[argparse.Namespace], bool] = never


def add_build_arguments(parser: argparse.ArgumentParser, what: str = "RECIPE") -> None:
    """The arguments of the verbs that are a build or a part of one."""
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="of the bundle (default: artifacts/<name>)")
    parser.add_argument("--fresh", action="store_true", help="forget what an interrupted build left behind")
    parser.add_argument("--tensorboard", type=Path, metavar="FOLDER", help="write the losses there as TensorBoard logs")
    parser.add_argument("what", metavar=what)


def add_junit(parser: argparse.ArgumentParser) -> None:
    """The option of verbs that check something."""
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write every check as JUnit XML")


def show(data: Any, as_json: bool, text: Callable[[], str]) -> None:
    """Print a result, as JSON or in words."""
    print(json.dumps(data, indent=1) if as_json else text())


def show_pairs(pairs: Mapping[str, Any], as_json: bool) -> None:
    """Print keys and values, as JSON or a line each."""
    show(pairs, as_json, lambda: "\n".join(f"{key}: {value}" for key, value in pairs.items()))


def show_checkpoint(checkpoint: Checkpoint, as_json: bool) -> None:
    """Print where a checkpoint lies and what identifies it."""
    found = {"checkpoint": str(checkpoint.path), "sha256": checkpoint.sha256, "step": checkpoint.info.step}
    show_pairs(found, as_json)


def show_report(found: Report, as_json: bool) -> None:
    """Print a report and the verdict on it, as JSON or as its tables."""
    from export_pipeline.report import terminal, verdict

    show({"verdict": verdict(found).as_json(), **found.model_dump(mode="json")}, as_json, lambda: terminal(found))


def recipe_path(what: str) -> Path:
    """The recipe file that was named, by path or by the name of a shipped one.

    Raises:
        UsageError: it is neither.
    """
    named, shipped = Path(what), SHIPPED / f"{what}.toml"
    if named.exists() or named.suffix == ".toml":
        return named
    if not shipped.is_file():
        known = [path.stem for path in SHIPPED.glob("*.toml")]
        raise UsageError(f"no recipe {what!r}: neither a file nor a shipped recipe; {near(what, known)}")
    return shipped


def recipe_and_bundle_path(what: str, out: Path | None) -> tuple[Recipe, Path]:
    """The recipe that was named, and the folder of its bundle: *out*, else ``artifacts/<name>``."""
    from export_pipeline.recipe import Recipe

    recipe = Recipe.load(recipe_path(what))
    return recipe, out or Path("artifacts") / recipe.name


@contextlib.contextmanager
def opened_pipeline(options: argparse.Namespace, whole: bool = False) -> Iterator[Pipeline]:
    """The pipeline of the recipe that the options name; the console shows how it goes.

    *whole* is as of :func:`export_pipeline.pipeline.opened`.
    """
    from export_pipeline.pipeline import opened

    recipe, out = recipe_and_bundle_path(options.what, options.output)
    listeners = {"fresh": options.fresh, "whole": whole, "tensorboard": options.tensorboard}
    with (
        Console(options.quiet) as console,
        opened(recipe, out, say=console.say, on_step=console.step, **listeners) as pipeline,
    ):
        yield pipeline


def names_bundle(options: argparse.Namespace) -> bool:
    """Whether a bundle was named: a folder can be nothing else."""
    return Path(options.what).is_dir()


def names_recipe(options: argparse.Namespace) -> bool:
    """Whether a recipe was named, of which there is a build that goes on."""
    return not names_bundle(options)


def named_bundle(options: argparse.Namespace) -> Bundle | None:
    """The bundle that was named, if it was one.

    Raises:
        UsageError: there are options that only builds take.
        BundleError: the folder is no bundle.
    """
    from export_pipeline.bundle import Bundle

    if not names_bundle(options):
        return None
    if options.output or options.fresh or options.tensorboard:
        raise UsageError("--output, --fresh and --tensorboard are for recipes; a bundle is only read. Leave them out.")
    return Bundle.open(options.what)
