"""What training gains and loses by the distilled loss network: ``python -m tests.benchmarks.loss_study``.

Images per second of whole training steps with VGG-19 and with the distilled network, interleaved; then one network
trained with each on the same crops, all judged by VGG-19. The third is trained on the distilled features F' as they
are, without the embedding Q in VGG-19's.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from export_pipeline import train as training
from export_pipeline.files import write_text
from export_pipeline.images import fit as fitted
from export_pipeline.recipe import BUILTIN, Recipe
from export_pipeline.report.machine import machine
from export_pipeline.rounds import Quality
from export_pipeline.train.loss_network import LossNetwork, loss_network
from export_pipeline.wiring import style_judge
from tests.benchmarks import distilled_page
from tests.benchmarks.train_speed import Variant, images_per_second

NETWORKS = ("small", "johnson")
VARIANTS = ("vgg19", "distilled", "distilled, F'")


def recipe(variant: str, steps: int, style: str) -> Recipe:
    """The training of *variant*: the committed network's, on the measuring data where there are any."""
    data = os.environ.get("EXPORT_PIPELINE_DATA")
    train = {
        "style": f"{data}/styles/{style}.jpg" if data else BUILTIN,
        "content": f"{data}/content" if data else BUILTIN,
        "hold_out": 20 if data else 2,
        "steps": steps,
        "batch_size": 1,
        "style_weight": 1.4,
        "tv_weight": 0.05,
        "loss_network": variant.split(",")[0],
    }
    return Recipe.parse({"seed": 1, "train": train, "export": {"height": 640, "width": 480}, "verify": {"images": 20}})


def network_of(variant: str, of: Recipe) -> LossNetwork:
    """The loss network of *variant*."""
    found = loss_network(of)
    return dataclasses.replace(found, roots={}) if variant.endswith("F'") else found


def trained(variant: str, steps: int, style: str, folder: Path) -> dict[str, Any]:
    """Train with *variant*, and judge by VGG-19."""
    of = recipe(variant, steps, style)
    fit = import_module("export_pipeline.train.fit")  # the package has a function of that name
    kept, fit.loss_network = fit.loss_network, lambda asked: network_of(variant, asked)
    begun = time.perf_counter()
    try:
        model, _ = training.train(of, folder / variant.replace(", ", "-").replace("'", ""))
    finally:
        fit.loss_network = kept
    seconds = time.perf_counter() - begun
    size = of.signature
    photographs = [fitted(photo, size.height, size.width) for photo in training.validation_photographs(of)]
    quality: Quality = style_judge(of).quality(model, photographs)
    return {
        "images": steps * of.train.batch_size,
        "seconds": round(seconds, 1),
        "photographs": len(photographs),
        "style_distance": quality.style_distance,
        "content_distance": quality.content_distance,
    }


def main() -> None:
    """Write ``training.json`` into a folder; what is trained already is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/loss_network"), metavar="FOLDER")
    parser.add_argument("--steps", type=int, default=1200, help="of each training (default: 1200)")
    parser.add_argument("--style", default="starry_night", help="a painting of $EXPORT_PIPELINE_DATA/styles")
    options = parser.parse_args()
    work = options.output / ".loss_study"
    kept = work / "trained.json"
    found = json.loads(kept.read_text()) if kept.is_file() else {}
    for variant in VARIANTS:
        if found.get(variant, {}).get("images") != options.steps:
            found[variant] = trained(variant, options.steps, options.style, work)
            write_text(kept, json.dumps(found))
        print(variant, found[variant], flush=True)
    variants = [Variant(net, loss, batch) for net in NETWORKS for loss in VARIANTS[:2] for batch in (1, 2, 4)]
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
