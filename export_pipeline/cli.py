"""The command line: parse, call, print. Heavy imports stay inside the commands; options.py says what each takes."""

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
from typing import TYPE_CHECKING, Any

from export_pipeline.base.console import Console
from export_pipeline.base.printable import printable_lines
from export_pipeline.errors import PipelineError, UsageError, near
from export_pipeline.verbs.options import EXIT_USAGE, parser

if TYPE_CHECKING:
    from export_pipeline.bundle import Bundle
    from export_pipeline.pipeline import Pipeline
    from export_pipeline.report import Report

SHIPPED = Path(__file__).parent / "recipes"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code: 0 good, 1 a check failed, 2 wrong use or bad input."""
    options = parser().parse_args(arguments)
    with warnings.catch_warnings():
        # Ours are for the user, in one line; what libraries say to each other is theirs.
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", module="export_pipeline")
        warnings.showwarning = lambda message, *_: print(f"export-pipeline: warning: {message}", file=sys.stderr)
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    try:
        COMMANDS[options.verb](options)
        sys.stdout.flush()
        return 0
    except PipelineError as error:
        if options.debug:
            traceback.print_exc()
        print(f"export-pipeline: {printable_lines(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        bundle = options.verb in ("verify", "report") and Path(options.what).is_dir()
        resumed = options.verb in RESUMED and not bundle
        then = "the same command goes on where it was" if resumed else "start it again"
        print(f"export-pipeline: interrupted; {then}", file=sys.stderr)
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

    recipe, out = _recipe_and_out(options.what, options.output)
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


def plan(options: argparse.Namespace) -> None:
    """``plan RECIPE --bytes N``: the build up to clustering, and the bits of each layer that fit."""
    from export_pipeline.base.files import write_text
    from export_pipeline.bundle import PLAN
    from export_pipeline.pipeline import opened

    if options.bytes < 1:
        raise UsageError(f"--bytes is {options.bytes}; it must be 1 or more")
    path = options.output or Path(PLAN)
    if options.output is None and path.exists():
        raise UsageError(f"{path} is there already and may have been edited. Name the file to write with --output.")
    recipe, out = _recipe_and_out(options.what, options.bundle)
    with (
        Console() as console,
        opened(recipe, out, plan_bytes=options.bytes, say=console.say, on_step=console.step) as pipeline,
    ):
        made = pipeline.plan_for(options.bytes)
    write_text(path, made.text)
    _print(made.record(), options.json, lambda: f"{made.text}\nplan: {path}")


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


def sweep(options: argparse.Namespace) -> None:
    """``sweep RECIPE --set PATH=VALUES``: every point of the grid, compared."""
    from export_pipeline import sweep as sweeping

    found = sweeping.sweep(
        _recipe_path(options.what),
        options.settings,
        options.output,
        jobs=options.jobs,
        tolerance=options.tolerance,
        fresh=options.fresh,
        say=Console().say,
    )
    _print(found.model_dump(mode="json"), options.json, lambda: sweeping.terminal(found))
    sweeping.check(found)


def stylize(options: argparse.Namespace) -> None:
    """``stylize MODEL IMAGE -o OUT``, or ``stylize PHOTO --method gatys --style STYLE -o OUT``: one picture."""
    from export_pipeline.verbs.stylize import stylize as stylize_image

    with Console() as console:
        found = stylize_image(options, console)
    _print(found, options.json, lambda: str(options.output))


def predict(options: argparse.Namespace) -> None:
    """``predict MODEL --input NAME=VALUE... [-o OUT]``: any model on any inputs."""
    from export_pipeline.formats import open_model
    from export_pipeline.verbs import predict as work

    if options.output:
        work.check_output(options.output)
    runtime = open_model(options.model, options.threads, options.function, options.compute)
    outputs = runtime.predict(work.read_inputs(runtime, options.input, Console().say))
    files = work.write_outputs(outputs, options.output) if options.output else {}
    found = work.summary(outputs, files)
    result = {"model": str(options.model), "runtime": f"{runtime.name} {runtime.version}", "outputs": found}
    _print(result, options.json, lambda: work.prediction_text(found))


def inspect(options: argparse.Namespace) -> None:
    """``inspect MODEL...``: what lies in model files."""
    from export_pipeline.report import inspect as inspect_model
    from export_pipeline.report import inspection_text

    found = [inspect_model(path) for path in options.models]
    data = [item.model_dump(mode="json") for item in found]
    texts = (inspection_text(item, options.brief) for item in found)
    _print(data if len(data) > 1 else data[0], options.json, lambda: "\n\n".join(texts))


def benchmark(options: argparse.Namespace) -> None:
    """``benchmark MODEL...``: latency, interleaved in one idle process."""
    from export_pipeline.report import benchmark as benchmark_models
    from export_pipeline.report import benchmark_text

    rows = benchmark_models(options.models, runs=options.runs, threads=options.threads)
    _print([row.model_dump(mode="json") for row in rows], options.json, lambda: benchmark_text(rows))


def quantize(options: argparse.Namespace) -> None:
    """``quantize WEIGHTS --bits N``: any file of weights as a compact container."""
    from export_pipeline.coding.quantize import quantize as quantize_weights
    from export_pipeline.coding.quantize import quantized_text

    say = Console().say
    found = quantize_weights(options.weights, options.bits, options.output, options.half, options.sparsity, say)
    _print(found.model_dump(mode="json"), options.json, lambda: quantized_text(found))


def distill(options: argparse.Namespace) -> None:
    """``distill RECIPE -o OUT``: a small loss network out of VGG-19."""
    from export_pipeline.distill.run import distill as distill_network
    from export_pipeline.distill.run import distilled_text
    from export_pipeline.recipe.distill import DistillRecipe

    recipe = DistillRecipe.load(options.what)
    found = distill_network(recipe, options.output, fresh=options.fresh, say=Console().say)
    _print(found.model_dump(mode="json"), options.json, lambda: distilled_text(found))


def compare(options: argparse.Namespace) -> None:
    """``compare MODEL... --style S --photographs FOLDER``: distances of model files on the same images."""
    from export_pipeline.base.images import list_images
    from export_pipeline.pipeline import compare as compare_models
    from export_pipeline.verbs.compare import comparison_text

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

    from export_pipeline.recipe import ModelTable
    from export_pipeline.targets import TARGETS

    found = {
        "networks": list(get_args(ModelTable.model_fields["network"].annotation)),
        "targets": list(TARGETS),
        "recipes": sorted(path.stem for path in SHIPPED.glob("*.toml")),
    }
    _print(found, options.json, lambda: "\n".join(f"{key}: {', '.join(value)}" for key, value in found.items()))


def doctor(options: argparse.Namespace) -> None:
    """``doctor``: whether this machine has what a build needs."""
    from export_pipeline.verbs.doctor import examine, require_healthy

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


def _recipe_and_out(what: str, out: Path | None) -> tuple[Any, Path]:
    """The recipe that was named, and where its bundle goes."""
    from export_pipeline.recipe import Recipe

    recipe = Recipe.load(_recipe_path(what))
    return recipe, out or Path("artifacts") / recipe.name


def _recipe_path(what: str) -> Path:
    """The recipe file that was named, by path or by the name of a shipped one."""
    named, shipped = Path(what), SHIPPED / f"{what}.toml"
    if named.exists() or named.suffix == ".toml":
        return named
    if not shipped.is_file():
        known = [path.stem for path in SHIPPED.glob("*.toml")]
        raise UsageError(f"no recipe {what!r}: neither a file nor a shipped recipe; {near(what, known)}")
    return shipped


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


# Verbs that keep what they have done in a work folder, where a recipe is named.
RESUMED = ("build", "train", "compress", "export", "verify", "report", "plan", "sweep", "distill")
# The verbs of options.parser().
COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "build": build,
    "train": stage,
    "compress": stage,
    "export": stage,
    "verify": verify,
    "report": report,
    "plan": plan,
    "sweep": sweep,
    "stylize": stylize,
    "predict": predict,
    "inspect": inspect,
    "benchmark": benchmark,
    "compare": compare,
    "quantize": quantize,
    "distill": distill,
    "list": list_,
    "doctor": doctor,
}


if __name__ == "__main__":
    sys.exit(main())
