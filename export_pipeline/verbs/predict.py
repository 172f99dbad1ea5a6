"""``predict MODEL --input NAME=VALUE... [-o OUT]``: any model on any inputs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export_pipeline.base.console import Console
from export_pipeline.base.files import refuse_input
from export_pipeline.base.printable import printable
from export_pipeline.base.reading import read_only
from export_pipeline.verbs.common import MODEL_HELP, Verb, show

_LONGEST_PATH = 255
_LONGEST = 80  # characters of a name, a label or a text out of a model


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("model", type=Path, metavar="MODEL", help=MODEL_HELP)
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an image, .npy, .npz or .json file, or JSON such as [1, 2, 3]; once for each input",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="an image file, an .npz file, or a folder (default: print only)",
    )
    parser.add_argument("--function", help="of a Core ML program with several (default: its own default)")
    parser.add_argument(
        "--compute", metavar="HOW", help="of the Core ML emulator: as_written, or float32 for no half precision"
    )
    parser.add_argument("--threads", type=int, help="threads of the computation (default: all)")


def run(options: argparse.Namespace) -> None:
    """Run the model, write its outputs where an output is named, and show them."""
    from export_pipeline.formats import open_model
    from export_pipeline.formats.prediction import check_output, read_inputs, summary, with_pictures, write_outputs

    read_only()
    if options.output:
        values = (Path(word.partition("=")[2]) for word in options.input)
        # A value may be JSON, which is no path, and too long for one.
        refuse_input(options.output, options.model, *(path for path in values if len(str(path)) < _LONGEST_PATH))
        check_output(options.output)
    runtime = open_model(options.model, options.threads, options.function, options.compute)
    outputs = runtime.predict(read_inputs(runtime, options.input, Console(options.quiet).say))
    if options.output:
        outputs = with_pictures(runtime, outputs, options.output)
    files = write_outputs(outputs, options.output) if options.output else {}
    found = summary(outputs, files)
    result = {"model": str(options.model), "runtime": f"{runtime.name} {runtime.version}", "outputs": found}
    show(result, options.json, lambda: prediction_text(found))


def prediction_text(outputs: Mapping[str, Mapping[str, Any]]) -> str:
    """What ``predict`` prints: a line for each output, and the most probable labels below."""
    return "\n".join(line for name, found in outputs.items() for line in _lines(printable(name, _LONGEST), found))


def _lines(name: str, found: Mapping[str, Any]) -> list[str]:
    where = f" -> {found['file']}" if "file" in found else ""
    if found["kind"] == "image":
        return [f"{name}: image {found['height']}x{found['width']} {found['mode']}{where}"]
    if found["kind"] == "probabilities":
        best = [
            f"  {_probability(item['probability']):>10}  {printable(str(item['label']), _LONGEST)}"
            for item in found["top"]
        ]
        return [f"{name}: the best of {found['labels']}", *best]
    if found["kind"] == "value":
        return [f"{name}: {printable(str(found['value']), _LONGEST)}"]
    shape = "x".join(map(str, found["shape"])) or "scalar"
    parts = [f"{name}: tensor {shape} {found['dtype']}"]
    if "mean" in found:
        parts.append(f"{found['least']:.6g} to {found['greatest']:.6g}, mean {found['mean']:.6g}")
    if found.get("not_finite"):
        parts.append(f"{found['not_finite']} not finite")
    return [", ".join(parts) + where]


def _probability(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4f}"


VERB = Verb("predict", "run any model file on any inputs", add, run)
