"""``quantize WEIGHTS --bits N``: any file of weights as a compact container."""

from __future__ import annotations

import argparse
import functools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from export_pipeline.base.console import Console
from export_pipeline.base.files import refuse_input
from export_pipeline.errors import UsageError
from export_pipeline.verbs.common import Verb, show

if TYPE_CHECKING:
    import numpy as np

    from export_pipeline.coding.quantize import Quantized

FIRST_TENSOR = "model.0000"  # of every checkpoint


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("weights", type=Path, metavar="WEIGHTS", help="a .h5, .keras, .npz or .safetensors file")
    parser.add_argument("--bits", type=int, required=True, metavar="N", help="bits of each weight, 1 to 8")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="a .weights file (default: <WEIGHTS>-<N>bit.weights here)"
    )
    parser.add_argument(
        "--sparsity", type=float, default=0.0, metavar="S", help="share of weights set to 0 (default: 0)"
    )
    parser.add_argument("--half", action="store_true", help="round tables, biases and norms to half precision")


def run(options: argparse.Namespace) -> None:
    """Write the container and show what became of each tensor."""
    from export_pipeline.coding.quantize import default_output, quantize

    out = options.output or Path(default_output(options.weights, options.bits).name)
    if options.output is None and out.exists():
        raise UsageError(f"{out} is there already. Name the file to write with --output.")
    refuse_input(out, options.weights)
    with Console(options.quiet) as console:
        found = quantize(
            options.weights,
            options.bits,
            out,
            options.half,
            options.sparsity,
            console.passing,
            functools.partial(_by_variable, options.weights),
        )
    show(found.model_dump(mode="json"), options.json, lambda: _text(found))


def _by_variable(source: Path, arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """*arrays* of *source*, by the names of the network's variables where it is a checkpoint, which numbers them.

    What a checkpoint's optimizer remembers is left out. The tensors of a network that was wrapped to be pruned or
    clustered, which has more of them, keep their numbers.
    """
    if FIRST_TENSOR not in arrays:
        return arrays
    from export_pipeline.errors import CheckpointError
    from export_pipeline.train import Checkpoint, network

    try:
        recipe = Checkpoint.open(source).info.recipe
    except CheckpointError:  # a file of someone else, whose tensors happen to have such names
        return arrays
    own = {name: array for name, array in arrays.items() if not name.startswith("optimizer.")}
    if recipe.task == "parity":  # its network is in a file of its own
        return own
    variables = network(recipe).weights
    if [array.shape for array in own.values()] != [tuple(variable.shape) for variable in variables]:
        return own
    return {variable.name.split(":")[0]: array for variable, array in zip(variables, own.values(), strict=True)}


def _text(found: Quantized) -> str:
    from export_pipeline.coding.quantize import snr_db

    width = max(len(row.name) for row in found.tensors)
    lines = [f"{'tensor':<{width}}  {'shape':<18}{'values':>10}{'table':>7}{'zeros':>8}{'bytes':>10}{'SNR dB':>8}"]
    for row in found.tensors:
        size = math.prod(row.shape)
        snr = snr_db(row.squared_error, row.squared_norm)
        lines.append(
            f"{row.name:<{width}}  {'x'.join(map(str, row.shape)):<18}{size:>10}{row.clusters or '-':>7}"
            f"{row.zeros / max(size, 1):>8.1%}{row.bytes:>10}{'-' if snr is None else f'{snr:.2f}':>8}"
        )
    overall = "exact" if found.snr_db is None else f"{found.snr_db:.2f} dB"
    before, after = (f"{size.bytes} bytes, {size.deflated_bytes} deflated" for size in (found.before, found.after))
    lines += [
        "",
        f"{found.source}: {before}",
        f"{found.output}: {after}; clustered tensors {overall}",
    ]
    return "\n".join(lines)


VERB = Verb("quantize", "cluster the weights of any file into a compact container", add, run)
