"""The built-in demo before and after it trained through the distilled loss network: ``make demostudy``.

Both recipes are built whole, one after the other, as ``make demo`` does it; VGG-19 judges both. Fetching its weights is
not counted, which only the demo of before needed. Writes ``demo.json`` and the page that shows it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from export_pipeline.base.files import write_text
from export_pipeline.errors import PipelineError
from export_pipeline.perception.vgg_weights import vgg19_weights
from export_pipeline.recipe import Recipe, StyleTransferRecipe
from export_pipeline.records.parity import FLOAT
from export_pipeline.report.machine import machine
from tests.benchmarks import distilled_page

RECIPES = {"before": Path("tests/benchmarks/demo_before.toml"), "after": Path("export_pipeline/recipes/demo.toml")}


def built(path: Path, folder: Path) -> dict[str, Any]:
    """Build the recipe *path* into *folder*: what it saw, how long it took, and the distances of the float network."""
    recipe = Recipe.load(path)
    bundle = folder / path.stem
    command = [sys.executable, "-m", "export_pipeline", "build", str(path), "-o", str(bundle)]
    begun = time.perf_counter()
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"the build of {path} ended with {done.returncode}")
    row = json.loads((bundle / "report.json").read_text())["parity"][0]
    assert isinstance(recipe, StyleTransferRecipe)
    return {
        "loss_network": recipe.train.loss_network,
        "images": (recipe.train.steps + recipe.compress.steps) * recipe.train.batch_size,
        "seconds": round(seconds, 1),
        **{metric.name: row[f"{FLOAT}{metric.name}"] for metric in recipe.metrics},
    }


def main() -> None:
    """Build both, write the record, and draw the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.demo_study", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/loss_network"), metavar="FOLDER")
    options = parser.parse_args()
    try:
        vgg19_weights()
    except PipelineError as error:
        sys.exit(str(error))
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in RECIPES.items():
            found[name] = built(path, Path(folder))
            print(name, found[name], flush=True)
    record = {"machine": machine().model_dump(), "demos": found}
    write_text(options.output / "demo.json", json.dumps(record, indent=1) + "\n")
    print(distilled_page.draw(options.output))


if __name__ == "__main__":
    main()
