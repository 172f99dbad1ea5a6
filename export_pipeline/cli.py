"""The command line: parse, call, print. Heavy imports stay inside the commands."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from export_pipeline import __version__
from export_pipeline.console import Console
from export_pipeline.errors import PipelineError, UsageError, near

if TYPE_CHECKING:
    from export_pipeline.bundle import Bundle
    from export_pipeline.pipeline import Pipeline
    from export_pipeline.report import Report

EXIT_USAGE = 2
SHIPPED = Path(__file__).parent / "recipes"
MODEL_HELP = "a .mlpackage, .mlmodel, .tflite, .onnx or .keras model"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code: 0 good, 1 a check failed, 2 wrong use or bad input."""
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        # Ours are for the user, in one line; what libraries say to each other is theirs.
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", module="export_pipeline")
        warnings.showwarning = lambda message, *_: print(f"export-pipeline: warning: {message}", file=sys.stderr)
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    try:
        options.command(options)
        sys.stdout.flush()
        return 0
    except PipelineError as error:
        if options.debug:
            traceback.print_exc()
        print(f"export-pipeline: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("export-pipeline: interrupted; the same command goes on where it was", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        if options.debug:
            raise
        print(
            f"export-pipeline: this command needs {error.name}, which is not installed.\n"
            "pip install 'export-pipeline[all]' brings everything.",
            file=sys.stderr,
        )
        return EXIT_USAGE
    except BrokenPipeError:
        # The reader, `head` for one, has had enough; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if options.debug:
            raise
        print(f"export-pipeline: {error.filename or 'standard output'}: {error.strerror}", file=sys.stderr)
        return EXIT_USAGE
    except Exception as error:
        if options.debug:
            raise
        print(
            f"export-pipeline: {type(error).__name__}: {''.join(str(error).splitlines()[:1])}\n"
            "This is a fault of ours; --debug shows where.",
            file=sys.stderr,
        )
        return EXIT_USAGE


@contextlib.contextmanager
def _opened(options: argparse.Namespace) -> Iterator[Pipeline]:
    """The pipeline of the recipe that the options name, with the console as its listener."""
    from export_pipeline.pipeline import opened

    recipe, out = _recipe_and_out(options)
    listeners = {"fresh": options.fresh, "tensorboard": options.tensorboard}
    with Console() as console, opened(recipe, out, say=console.say, on_step=console.step, **listeners) as pipeline:
        yield pipeline


def build(options: argparse.Namespace) -> None:
    """``build RECIPE``: everything, from training to a bundle."""
    with _opened(options) as pipeline:
        _show_report(pipeline.report, options.json)
        bundle = pipeline.bundle()
    if not options.json:
        print(f"\nbundle:  {bundle.path}\npicture: {bundle.path / 'picture.jpg'}")


def stage(options: argparse.Namespace) -> None:
    """``train``, ``compress`` and ``export``: the build up to that stage."""
    result: dict[str, Any]
    with _opened(options) as pipeline:
        if options.verb == "export":
            result = {model.target: str(pipeline.work / "export" / model.file) for model in pipeline.exported}
        else:
            _, checkpoint = pipeline.trained if options.verb == "train" else pipeline.compressed
            result = {"checkpoint": str(checkpoint.path), "sha256": checkpoint.sha256, "step": checkpoint.info.step}
    _print(result, options.json, lambda: "\n".join(f"{key}: {value}" for key, value in result.items()))


def verify(options: argparse.Namespace) -> None:
    """``verify BUNDLE`` re-checks one; ``verify RECIPE`` is the build up to the parity checks."""
    from export_pipeline.verify.golden import require_passed, verify_bundle

    bundle = _bundle(options)
    if bundle:
        rows = verify_bundle(bundle, Console().say)
    else:
        with _opened(options) as pipeline:
            rows = pipeline.parity
    _print([row.model_dump() for row in rows], options.json, lambda: _parity_table(rows))
    require_passed(rows)


def report(options: argparse.Namespace) -> None:
    """``report BUNDLE`` shows the one it holds; ``report RECIPE`` is the build up to the report."""
    from export_pipeline.report import check, read_report

    bundle = _bundle(options)
    if bundle:
        bundle.check_files()
        _show_report(read_report(bundle.path), options.json)
        return
    with _opened(options) as pipeline:
        _show_report(pipeline.report, options.json)
        check(pipeline.report, where=pipeline.work / "export")


def stylize(options: argparse.Namespace) -> None:
    """``stylize MODEL IMAGE -o OUT``: one image through one model file."""
    from export_pipeline.images import load_image, save_image, to_uint8
    from export_pipeline.runtimes import open_model, resize_to

    image = load_image(options.image)
    runtime = open_model(options.model, options.threads)
    fitted = resize_to(image, runtime.signature) if runtime.signature else image
    if fitted.shape != image.shape:
        height, width = fitted.shape[:2]
        Console().say(
            f"{options.image}: {image.shape[1]}x{image.shape[0]} resized and cropped to the model's {width}x{height}"
        )
    output = to_uint8(runtime.stylize(fitted))
    save_image(options.output, output)
    result = {
        "model": str(options.model),
        "runtime": f"{runtime.name} {runtime.version}",
        "output": str(options.output),
        "height": output.shape[0],
        "width": output.shape[1],
    }
    _print(result, options.json, lambda: str(options.output))


def inspect(options: argparse.Namespace) -> None:
    """``inspect MODEL...``: what lies in model files."""
    from export_pipeline.report import inspect as inspect_model
    from export_pipeline.report import inspection_text

    found = [inspect_model(path) for path in options.models]
    data = [item.model_dump(mode="json") for item in found]
    _print(data if len(data) > 1 else data[0], options.json, lambda: "\n\n".join(map(inspection_text, found)))


def benchmark(options: argparse.Namespace) -> None:
    """``benchmark MODEL...``: latency, interleaved in one idle process."""
    from export_pipeline.report import benchmark as benchmark_models
    from export_pipeline.report import benchmark_text

    rows = benchmark_models(options.models, runs=options.runs, threads=options.threads)
    _print([row.model_dump(mode="json") for row in rows], options.json, lambda: benchmark_text(rows))


def compare(options: argparse.Namespace) -> None:
    """``compare MODEL... --style S --photographs FOLDER``: distances of model files on the same images."""
    from export_pipeline.images import list_images
    from export_pipeline.pipeline import compare as compare_models
    from export_pipeline.verify.compare import comparison_text

    paths = list_images(options.photographs)
    if options.last is not None:
        if options.last < 1:
            raise UsageError(f"--last is {options.last}; it must be 1 or more")
        paths = paths[-options.last :]
    rows = compare_models(options.models, options.style, paths, options.vgg_weights, Console().say)
    _print([row.model_dump() for row in rows], options.json, lambda: comparison_text(rows))


def list_(options: argparse.Namespace) -> None:
    """``list``: networks, targets and shipped recipes."""
    from typing import get_args

    from export_pipeline.recipe import TARGETS, ModelTable

    found = {
        "networks": list(get_args(ModelTable.model_fields["network"].annotation)),
        "targets": list(TARGETS),
        "recipes": sorted(path.stem for path in SHIPPED.glob("*.toml")),
    }
    _print(found, options.json, lambda: "\n".join(f"{key}: {', '.join(value)}" for key, value in found.items()))


def doctor(options: argparse.Namespace) -> None:
    """``doctor``: whether this machine has what a build needs."""
    from export_pipeline.doctor import examine, require_healthy

    rows = examine()
    _print(
        [row.model_dump() for row in rows],
        options.json,
        lambda: "\n".join(f"{row.status:<8}{row.name:<31}{row.detail}" for row in rows),
    )
    require_healthy(rows)


def _show_report(found: Report, as_json: bool) -> None:
    from export_pipeline.report import terminal

    _print(found.model_dump(mode="json"), as_json, lambda: terminal(found))


def _parity_table(rows: Sequence[Any]) -> str:
    def number(value: float | None, digits: int) -> str:
        return "-" if value is None else f"{value:.{digits}f}"

    lines = [f"{'target':<18}{'PSNR dB':>9}{'needed':>8}{'max abs':>9}{'SSIM':>8}  status"]
    for row in rows:
        lines.append(
            f"{row.target:<18}{number(row.psnr, 2):>9}{row.min_psnr:>8g}{number(row.max_abs, 1):>9}"
            f"{number(row.ssim, 4):>8}  {row.status.upper()} {row.reason}".rstrip()
        )
    return "\n".join(lines)


def _recipe_and_out(options: argparse.Namespace) -> tuple[Any, Path]:
    """The recipe that was named, by path or by the name of a shipped one, and where its bundle goes."""
    from export_pipeline.recipe import Recipe

    named = Path(options.what)
    shipped = SHIPPED / f"{options.what}.toml"
    if not named.exists() and named.suffix != ".toml":
        if not shipped.is_file():
            known = [path.stem for path in SHIPPED.glob("*.toml")]
            raise UsageError(
                f"no recipe {options.what!r}: neither a file nor a shipped recipe; {near(options.what, known)}"
            )
        named = shipped
    recipe = Recipe.load(named)
    return recipe, options.output or Path("artifacts") / recipe.name


def _bundle(options: argparse.Namespace) -> Bundle | None:
    """The bundle that was named: a folder can be nothing else. What only builds take is then refused."""
    from export_pipeline.bundle import Bundle

    if not Path(options.what).is_dir():
        return None
    if options.output or options.fresh or options.tensorboard:
        raise UsageError("--output, --fresh and --tensorboard are for recipes; a bundle is only read. Leave them out.")
    return Bundle.open(options.what)


def _print(data: Any, as_json: bool, text: Callable[[], str]) -> None:
    print(json.dumps(data, indent=1) if as_json else text())


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all of ours are."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"export-pipeline: {message}. See '{self.prog} --help'.\n")


def _parser() -> argparse.ArgumentParser:
    common = _Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the result as JSON")
    common.add_argument("--debug", action="store_true", help="show a traceback with an error")
    recipe = _Parser(add_help=False)
    recipe.add_argument("-o", "--output", type=Path, help="folder of the bundle (default: artifacts/<name>)")
    recipe.add_argument("--fresh", action="store_true", help="forget what an interrupted build left behind")
    recipe.add_argument("--tensorboard", type=Path, metavar="FOLDER", help="write the losses there as TensorBoard logs")

    parser = _Parser(
        prog="export-pipeline", description="Turn a style transfer network into verified mobile app assets."
    )
    parser.add_argument("--version", action="version", version=f"export-pipeline {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(
        name: str, command: Callable[[argparse.Namespace], None], text: str, *parents: Any
    ) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text, parents=[common, *parents])
        made.set_defaults(command=command)
        return made

    verb("build", build, "train, compress, export, verify, report and bundle", recipe).add_argument(
        "what", metavar="RECIPE"
    )
    for name, text in (
        ("train", "train the float network"),
        ("compress", "train and compress"),
        ("export", "train, compress and export"),
    ):
        verb(name, stage, text, recipe).add_argument("what", metavar="RECIPE")
    verb("verify", verify, "run every file against the float network", recipe).add_argument(
        "what", metavar="RECIPE|BUNDLE"
    )
    verb("report", report, "show sizes, speed, quality and budgets", recipe).add_argument(
        "what", metavar="RECIPE|BUNDLE"
    )

    made = verb("stylize", stylize, "stylize one image with a model file")
    made.add_argument("model", type=Path, metavar="MODEL", help=MODEL_HELP)
    made.add_argument("image", type=Path, metavar="IMAGE")
    made.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="an image file; its suffix is the format"
    )
    made.add_argument("--threads", type=int, help="threads of the computation (default: all)")
    made = verb("inspect", inspect, "show what lies in model files")
    made.add_argument("models", type=Path, nargs="+", metavar="MODEL", help=MODEL_HELP)
    made = verb("benchmark", benchmark, "time model files, interleaved")
    made.add_argument("models", type=Path, nargs="+", metavar="MODEL", help=MODEL_HELP)
    made.add_argument("--runs", type=int, default=30, help="timed runs of each, 30 or more (default: 30)")
    made.add_argument("--threads", type=int, help="threads of the computation (default: one, then all)")
    made = verb("compare", compare, "judge the style and content of model files on the same photographs")
    made.add_argument("models", type=Path, nargs="+", metavar="MODEL", help=MODEL_HELP)
    made.add_argument("--style", type=Path, required=True, metavar="IMAGE")
    made.add_argument("--photographs", type=Path, required=True, metavar="FOLDER")
    made.add_argument("--last", type=int, metavar="N", help="only the last N photographs by name")
    made.add_argument("--vgg-weights", metavar="FILE", help="VGG-19's weights (default: cache or download)")
    verb("list", list_, "list networks, targets and shipped recipes")
    verb("doctor", doctor, "check what this machine has")
    return parser


if __name__ == "__main__":
    sys.exit(main())
