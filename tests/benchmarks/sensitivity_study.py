"""What the importance of single weights is worth: ``python -m tests.benchmarks.sensitivity_study -o RECORD``.

The committed network is clustered to one width throughout, with each kind of ``compress.cluster.sensitivity``. The mean
squared error of its pictures, against those of the network before, is taken on held-out photographs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline import models  # noqa: F401 isort: skip - loads TensorFlow quietly
from export_pipeline.base.files import write_text
from export_pipeline.compress.importance import estimate_importance
from export_pipeline.compress.layers import compressible_layers, convolutions
from export_pipeline.compress.output_error import OutputError
from export_pipeline.errors import PipelineError
from export_pipeline.recipe import Recipe
from export_pipeline.report.machine import machine
from export_pipeline.stage_adapters import checked_task, compress_tools
from export_pipeline.tasks import Task
from export_pipeline.tasks.style_transfer import IMAGE
from export_pipeline.train import Checkpoint, Listener, restored
from tests.benchmarks.small_study import RECIPE

KINDS = ("none", "fisher", "activation")
WIDTHS = (2, 3, 4, 6, 8)
SIDE = 256


def opened_task() -> Task:
    """The task of the recipe that starts from the committed network and has its kernels clustered, at our size."""
    base = Recipe.load(RECIPE)
    export = base.export.model_copy(update={"height": SIDE, "width": SIDE})
    compress = base.compress.model_copy(update={"bits": 8})
    return checked_task(base.model_copy(update={"export": export, "compress": compress}))


def with_kind(recipe: Recipe, kind: str) -> Recipe:
    """*recipe* with this kind of sensitivity."""
    cluster = recipe.compress.cluster.model_copy(update={"sensitivity": kind})
    return recipe.model_copy(update={"compress": recipe.compress.model_copy(update={"cluster": cluster})})


def rows(task: Task, folder: Path, held: np.ndarray) -> list[dict[str, Any]]:
    """The error by width for each kind, on the photographs *held*, ``(N, H, W, 3)`` uint8."""
    trained = Checkpoint.open(task.recipe.path(str(task.recipe.train.warm_start)))
    model = restored(trained)
    tools = compress_tools(task, trained, folder, print, Listener())
    output_error = OutputError(model, [held])
    found = []
    for kind in KINDS:
        recipe = with_kind(task.recipe, kind)
        importance = estimate_importance(model, recipe, tools)
        names = compressible_layers(recipe.compress, convolutions(model))
        errors = {str(width): output_error.together(dict.fromkeys(names, width), importance) for width in WIDTHS}
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
        task = opened_task()
        held = np.stack([sample.inputs[IMAGE] for sample in task.validation()])
        found = rows(task, options.out.parent, held)
    except PipelineError as error:
        sys.exit(str(error))
    record = {"machine": machine().model_dump(), "photographs": len(held), "side": SIDE, "rows": found}
    write_text(options.out, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
