"""What training gains and loses by the distilled loss network: ``python -m tests.benchmarks.loss_study``.

Images per second of whole training steps with VGG-19 and with the distilled network, interleaved; then networks
trained with each on the same crops, one for each seed, all judged by VGG-19. The third is trained on the distilled
features F' as they are, without the embedding Q in VGG-19's; the fourth with the distilled network but for its last
tenth, the ``polish`` of a recipe, which looks through VGG-19.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import itertools
import json
import os
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from export_pipeline.base.files import names_sha256, sha256, write_text
from export_pipeline.base.images import pixels_sha256
from export_pipeline.errors import PipelineError
from export_pipeline.perception.loss_network import LossNetwork, loss_network
from export_pipeline.recipe import BUILTIN, Recipe
from export_pipeline.report.machine import machine
from export_pipeline.stage_adapters import checked_task, compress_tools
from export_pipeline.tasks.style_transfer import StyleTransfer
from export_pipeline.train import Listener, train
from tests.benchmarks import distilled_page
from tests.benchmarks.train_speed import NETWORKS, Variant, images_per_second

SOURCES = tuple(Path("export_pipeline") / name for name in ("models", "perception", "tasks", "train"))
VARIANTS = ("vgg19", "distilled", "distilled, F'", "distilled, polished")
POLISHED_SHARE = 0.1


def recipe(variant: str, steps: int, style: str, seed: int) -> Recipe:
    """The training of *variant*: the committed network's, on the measuring data where there are any."""
    data = os.environ.get("EXPORT_PIPELINE_DATA")
    polish = round(steps * POLISHED_SHARE) if variant.endswith("polished") else 0
    train: dict[str, Any] = {
        "style": f"{data}/styles/{style}.jpg" if data and style != BUILTIN else BUILTIN,
        "content": f"{data}/content" if data else BUILTIN,
        "hold_out": 20 if data else 2,
        "steps": steps - polish,
        "batch_size": 1,
        "style_loss": "gram",
        "style_weight": 1.4,
        "tv_weight": 0.05,
        "loss_network": variant.split(",")[0],
    }
    if polish:
        train["polish"] = {"steps": polish, "batch_size": 1, "learning_rate": 1e-3}
    return Recipe.parse(
        {"seed": seed, "train": train, "export": {"height": 640, "width": 480}, "verify": {"images": 20}}
    )


def images(of: Recipe) -> int:
    """How many crops its training sees."""
    return sum(table.steps * table.batch_size for table in (of.train, of.train.polish) if table)


def network_of(variant: str, of: Recipe) -> LossNetwork:
    """The loss network of *variant*."""
    found = loss_network(of)
    return dataclasses.replace(found, embeddings={}) if variant.endswith("F'") else found


def task_of(variant: str, of: Recipe) -> StyleTransfer:
    """The task of *of*, whose losses are seen through the loss network of *variant*."""
    task = checked_task(of)
    assert isinstance(task, StyleTransfer)
    return dataclasses.replace(task, loss_network_of=partial(network_of, variant))


def key(variant: str, task: StyleTransfer) -> str:
    """What decides the outcome of a training: recipe, images, the weights that it looks through, and the code."""
    images = (pixels_sha256(task.style), names_sha256(task.training.names))
    code = [sha256(path) for folder in SOURCES for path in sorted(folder.rglob("*.py"))]
    text = f"{task.recipe.model_dump_json()} {images} {network_of(variant, task.recipe).sha256} {code}"
    return hashlib.sha256(text.encode()).hexdigest()


def trained(variant: str, task: StyleTransfer, folder: Path) -> dict[str, Any]:
    """Train with *variant* from the start, so that the seconds are those of all of it, and judge by VGG-19."""
    of = task.recipe
    work = folder / f"{variant.replace(', ', '-').replace(chr(39), '')}-{of.seed}"
    shutil.rmtree(work, ignore_errors=True)
    begun = time.perf_counter()
    found = train(task, work)
    seconds = time.perf_counter() - begun
    evaluate = compress_tools(task, found.checkpoint, work, print, Listener()).evaluate
    return {
        "key": key(variant, task),
        "seed": of.seed,
        "images": images(of),
        "seconds": round(seconds, 1),
        "photographs": len(task.validation()),
        **evaluate(found.model),
    }


def main() -> None:
    """Write ``training.json`` into a folder; what is trained already is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/loss_network"), metavar="FOLDER")
    parser.add_argument("--steps", type=int, default=500, help="of each training (default: 500)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2], help="one training each (default: 1 2)")
    parser.add_argument("--trainings-only", action="store_true", help="leave the speed and the record for another time")
    parser.add_argument(
        "--style", default="starry_night", help="a painting of $EXPORT_PIPELINE_DATA/styles, or builtin"
    )
    options = parser.parse_args()
    work = options.output / ".loss_study"
    kept = work / "trained.json"
    kept_runs = json.loads(kept.read_text()) if kept.is_file() else {}
    found: dict[str, list[dict[str, Any]]] = {variant: [] for variant in VARIANTS}
    try:
        for seed, variant in itertools.product(options.seeds, VARIANTS):
            task = task_of(variant, recipe(variant, options.steps, options.style, seed))
            name = f"{variant}, seed {seed}"
            if kept_runs.get(name, {}).get("key") != key(variant, task):
                kept_runs[name] = trained(variant, task, work)
                write_text(kept, json.dumps(kept_runs))
            found[variant].append(kept_runs[name])
            print(name, kept_runs[name], flush=True)
    except PipelineError as error:
        sys.exit(str(error))
    if options.trainings_only:
        return
    variants = [Variant(net, loss, batch) for net in NETWORKS for loss in VARIANTS[:2] for batch in (1, 2, 4)]
    variants += [Variant(net, "distilled", batch, whole=True) for net in NETWORKS for batch in (2, 4)]
    rates = {name: round(rate, 3) for name, rate in images_per_second(variants).items()}
    print(rates, flush=True)
    record = {
        "machine": machine().model_dump(),
        "style": options.style if os.environ.get("EXPORT_PIPELINE_DATA") else BUILTIN,
        "images_per_second": rates,
        "trained": found,
    }
    write_text(options.output / "training.json", json.dumps(record, indent=1) + "\n")
    print(distilled_page.draw(options.output))


if __name__ == "__main__":
    main()
