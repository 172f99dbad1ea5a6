"""What it is worth to weigh errors of weights in k-means: ``python -m tests.benchmarks.sensitivity_study -o RECORD``.

The committed network is clustered to one width throughout, with each kind of sensitivity, and the mean squared error of
its pictures against those of before is taken on photographs that were held out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

import models  # noqa: F401 isort: skip - loads TensorFlow quietly
from export_pipeline.compress.sensitivity import Yardstick, error_together, weigh
from export_pipeline.wiring import compress_tools

from export_pipeline import train
from export_pipeline.base.files import write_text
from export_pipeline.base.images import fit
from export_pipeline.compress.layers import convolutions, taken
from export_pipeline.errors import PipelineError
from export_pipeline.recipe import Recipe
from export_pipeline.report.machine import machine
from tests.benchmarks.small_study import RECIPE

KINDS = ("none", "fisher", "activation")
WIDTHS = (2, 3, 4, 6, 8)
SIDE = 256


def recipe_of(kind: str) -> Recipe:
    """The recipe that starts from the committed network, with kernels clustered by *kind* of sensitivity."""
    base = Recipe.load(RECIPE)
    cluster = base.compress.cluster.model_copy(update={"sensitivity": kind})
    return base.model_copy(update={"compress": base.compress.model_copy(update={"bits": 8, "cluster": cluster})})


def rows(folder: Path, held: list[np.ndarray]) -> list[dict[str, Any]]:
    """The error by width for each kind, on the photographs *held*."""
    start = recipe_of("none")
    trained = train.Checkpoint.open(start.path(str(start.train.warm_start)))
    model = train.restored(trained)
    yardstick = Yardstick(model, np.stack([fit(photo, SIDE, SIDE) for photo in held]))
    found = []
    for kind in KINDS:
        recipe = recipe_of(kind)
        tools = compress_tools(recipe, trained, folder, print, lambda progress: None, None)
        importance = weigh(model, recipe, tools)
        names = taken(recipe.compress, convolutions(model))
        errors = {
            str(width): error_together(model, dict.fromkeys(names, width), importance, yardstick) for width in WIDTHS
        }
        found.append({"sensitivity": kind, "errors": errors})
        print(kind, errors, flush=True)
    return found


def main() -> None:
    """Write the record."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sensitivity_study", description=__doc__)
    parser.add_argument("-o", "--out", type=Path, required=True, help="the record to write, a .json file")
    options = parser.parse_args()
    if not os.environ.get("EXPORT_PIPELINE_DATA"):
        sys.exit("EXPORT_PIPELINE_DATA names no folder with content/ and styles/")
    try:
        held = train.validation_photographs(recipe_of("none"))
        found = rows(options.out.parent, held)
    except PipelineError as error:
        sys.exit(str(error))
    record = {"machine": machine().model_dump(), "photographs": len(held), "side": SIDE, "rows": found}
    write_text(options.out, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
