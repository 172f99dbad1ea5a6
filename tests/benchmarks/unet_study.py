"""A U-Net pruned from 10 to 80 %, in half precision, and quantized in training: ``make unetstudy``.

Every variant starts from the network that the recipe ``unet_brain`` trains, is fine-tuned for a few hundred steps,
exported, run and judged on held-out slices. Then all files are timed in turns, in one process, and their memory is
measured. The study goes on where it was interrupted; ``README.md`` in the folder is drawn from its record.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from export_pipeline.base.files import write_text
from export_pipeline.base.size import size_of
from export_pipeline.errors import ModelError
from export_pipeline.pipeline import Pipeline, opened, work_folder
from export_pipeline.recipe import Recipe, read_toml
from export_pipeline.report.latency import measure
from export_pipeline.report.machine import machine
from export_pipeline.report.memory import peak_memory
from export_pipeline.sweep.stages import begin_with
from tests.benchmarks import unet_page

RECIPE = Path("export_pipeline/recipes/unet_brain.toml")
RECORD, PAGE = "study.json", "README.md"
RUNS = 30
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
FLOAT, HALF, FULL = "onnx-fp32", "tflite-fp16", "tflite-int8"
# Left out of pruning: the kernel that reads the picture, and the one that makes the mask.
SKIPPED = ["down0_a_conv", "out_conv"]


@dataclass(frozen=True)
class Variant:
    """One network of the study: what ``[compress]`` says, and the files that hold it."""

    name: str
    compress: dict[str, Any] = field(default_factory=dict)
    targets: tuple[str, ...] = (FLOAT, HALF, FULL)
    after: str = "training"  # the variant whose checkpoints it begins with

    @property
    def folder(self) -> str:
        """Of its work."""
        return self.name.replace("%", "").replace(",", "").replace(" ", "_")


def variants(steps: int) -> tuple[Variant, ...]:
    """The variants, each fine-tuned for *steps*."""

    def pruned(share: float) -> dict[str, Any]:
        schedule = {"schedule": "polynomial_decay", "final_sparsity": share, "end_step": max(1, steps * 2 // 3)}
        return {**schedule, "frequency": 10, "steps": steps, "learning_rate": 5e-4, "skip": SKIPPED}

    aware = {"quantize_aware": True, "quantize": {"steps": steps, "learning_rate": 2e-4}}
    return (
        Variant("as trained", targets=(FLOAT, HALF, "tflite-dynamic", FULL)),
        *(Variant(f"{share:.0%} zeros", pruned(share)) for share in SHARES[:-1]),
        Variant("80% zeros", pruned(SHARES[-1]), (FLOAT, HALF, FULL, "mlpackage-sparse")),
        Variant("80% zeros, quantized in training", pruned(SHARES[-1]) | aware, (FLOAT, HALF, FULL), after="80% zeros"),
    )


def recipe_of(variant: Variant) -> Recipe:
    """The recipe of *variant*; its training is that of all."""
    data = read_toml(RECIPE)
    data["name"] = "unet"
    data["report"] = {}
    data["compress"] = variant.compress
    data["export"]["targets"] = list(variant.targets)
    return Recipe.parse(data, where=variant.name, folder=RECIPE.parent)


def rows(variant: Variant, pipeline: Pipeline) -> Iterator[dict[str, Any]]:
    """One row for each file of *variant*."""
    network = pipeline.compress(pipeline.train())
    exported = pipeline.export(network)
    metrics = [metric.name for metric in pipeline.recipe.metrics]
    for model, row in zip(exported, pipeline.verify(network.compressed.model, exported), strict=True):
        path = pipeline.files / model.file
        yield {
            "variant": variant.name,
            "target": model.target,
            "path": str(path),
            **size_of(path).model_dump(),
            "psnr": row.psnr,
            **{name: row.metric(name) for name in metrics},
            **{f"float_{name}": row.float_metric(name) for name in metrics},
            "status": row.status,
            "reason": row.reason,
        }


def made(variant: Variant, work: Path, begun: Path) -> list[dict[str, Any]]:
    """The rows of *variant*, from *work* if it was finished there; it begins with the checkpoints of *begun*."""
    record = work / f"{variant.folder}.json"
    if not record.is_file():
        with opened(recipe_of(variant), work / variant.folder, say=print) as pipeline:
            begin_with(pipeline.task, pipeline.work, work_folder(begun))
            write_text(record, json.dumps(list(rows(variant, pipeline)), indent=1) + "\n")
    found: list[dict[str, Any]] = json.loads(record.read_text("utf-8"))
    return [row for row in found if row["target"] in variant.targets]


def measured(found: list[dict[str, Any]], size: tuple[int, int]) -> list[dict[str, Any]]:
    """*found* with latency and memory of each file; what cannot be measured has the reason instead."""
    # Zeros change no buffer: memory is that of the variants at both ends.
    weighed = {row["variant"] for row in (*found[:1], *found[-5:])}
    latency, errors = measure([row["path"] for row in found], RUNS, 1, size)
    times = {row.file: row for row in latency}
    done = []
    for row in found:
        path = row.pop("path")
        timed = times.get(path)
        about: dict[str, Any] = {"skipped": errors.get(path)}
        if timed:
            about |= {"median_ms": timed.median_ms, "iqr_ms": timed.iqr_ms, "runtime": timed.runtime}
        if row["variant"] in weighed:
            try:
                memory = peak_memory(path, size)
                about |= {"peak_bytes": memory.peak_bytes, "imported_bytes": memory.imported_bytes}
            except ModelError as error:
                about["skipped"] = str(error)
        done.append(row | about)
    return done


def main() -> None:
    """Write ``study.json`` and its page into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/unet_study"), metavar="FOLDER")
    parser.add_argument("--steps", type=int, default=200, help="of each fine-tuning (default: 200)")
    parser.add_argument("--draw-only", action="store_true", help="make nothing, draw the record that is there")
    options = parser.parse_args()
    if not options.draw_only:
        study(options.output, options.steps)
    record = json.loads((options.output / RECORD).read_text("utf-8"))
    write_text(options.output / PAGE, unet_page.text(record))
    print(options.output / PAGE)


def study(folder: Path, steps: int) -> None:
    """Make every variant and measure the files."""
    work = folder.parent / f".{folder.name}.work"
    training = Variant("training")
    with opened(recipe_of(training), work / training.folder, say=print) as pipeline:
        pipeline.train()
        recipe = pipeline.recipe
    every = {variant.name: variant for variant in (training, *variants(steps))}
    found = [row for variant in variants(steps) for row in made(variant, work, work / every[variant.after].folder)]
    record = {
        "machine": machine().model_dump(),
        "steps": steps,
        "training": recipe.train.steps,
        "slices": recipe.verify.images,
        "size": [recipe.export.height, recipe.export.width],
        "runs": RUNS,
        "rows": measured(found, (recipe.export.height, recipe.export.width)),
    }
    write_text(folder / RECORD, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
