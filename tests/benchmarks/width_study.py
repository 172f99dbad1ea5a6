"""The continuum of the width multiplier, both networks: ``python -m tests.benchmarks.width_study -o FOLDER``.

Every width is a point of one sweep, whose files are exported, run and timed in turns. Parameters, bytes and speed do
not ask for trained weights, so that networks of which no checkpoint is given have random ones; distances are then
left out. Writes ``width_study.json`` (the record), ``width_study.md`` and ``width_study.png``, and keeps the sweep
beside them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
import numpy as np
import tf_keras as keras

from export_pipeline.base.files import write_text, written_aside
from export_pipeline.recipe import Recipe
from export_pipeline.records.parity import FLOAT
from export_pipeline.report.tables import TextTable, markdown_table
from export_pipeline.sweep import sweep
from export_pipeline.sweep.model import Sweep, SweptPoint
from export_pipeline.train import Checkpoint, CheckpointInfo, network
from export_pipeline.train.checkpoint import save
from tests.benchmarks.metric_columns import metrics_of
from tests.networks import networks_of

ALPHAS = (0.25, 0.3, 0.4, 0.5, 0.75, 1.0)
TARGETS = ("mlpackage-fp16", "mlpackage-int8", "mlmodel-int8", "tflite-dynamic", "onnx-fp32")
STYLE = "$EXPORT_PIPELINE_DATA/styles/starry_night.jpg"
RECIPE = """name = "width"
[train]
style = "{style}"
steps = 0
warm_start = "{first}"
[export]
height = {side}
width = {side}
targets = {targets}
[verify]
images = {images}
"""


def untrained(folder: Path, name: str, alpha: float) -> Path:
    """Write a checkpoint of a network with random weights.

    Those of norms, too: converters take a gamma of ones and a beta of zeros out, and the file becomes another one.
    """
    recipe = Recipe.parse({"model": {"network": name, "alpha": alpha}})
    keras.utils.set_random_seed(0)
    model, random = network(recipe), np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign_add(random.normal(0, 0.1, weight.shape))
    info = CheckpointInfo(stage="train", step=0, recipe=recipe, style_sha256="")
    return save(folder / f"{name}-{alpha:g}.safetensors", info, model.weights).path


def checkpoints(folder: Path, trained: Sequence[Path], alphas: Sequence[float]) -> list[Path]:
    """One for each network and width in *folder*: a copy of a trained one where there is one, else random weights."""
    found = {}
    for path in trained:
        model = Checkpoint.open(path).info.recipe.model
        found[model.network, model.alpha] = path
    made = []
    for name in networks_of("style_transfer"):
        for alpha in sorted({*alphas, *(alpha for its, alpha in found if its == name)}):
            if (name, alpha) in found:
                copy = folder / f"{name}-{alpha:g}-trained.safetensors"
                with written_aside(copy) as aside:
                    aside.write_bytes(found[name, alpha].read_bytes())
                made.append(copy)
            else:
                made.append(untrained(folder, name, alpha))
    return made


def row(study: Sweep, folder: Path, point: SweptPoint) -> dict[str, Any]:
    """What the record says of one width."""
    network, benchmark = point.result.float_network, study.benchmark
    if network is None:
        sys.exit(f"{point.label}: {point.result.reason}")
    info = Checkpoint.open(folder / str(point.overrides["train.warm_start"])).info
    files = {}
    for file in point.result.files:
        latency = benchmark.latency_of(f"{point.folder}/{file.file}")
        files[file.target] = {
            **file.size.model_dump(),
            "latency_ms": latency.median_ms if latency else None,
            "iqr_ms": latency.iqr_ms if latency else None,
            **{metric.name: file.metric(metric.name) if info.step else None for metric in study.metrics},
        }
    float_latency = benchmark.latency_of(benchmark.yardsticks[point.label])
    return {
        "network": info.recipe.model.network,
        "alpha": info.recipe.model.alpha,
        "parameters": network.parameters,
        "steps": info.step,
        **{f"{FLOAT}{m.name}": network.metric(m.name) if info.step else None for m in study.metrics},
        "float_latency_ms": float_latency.median_ms if float_latency else None,
        "files": files,
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The widths as Markdown: bytes and milliseconds of each file in one cell."""

    def shown(value: float | None, digits: int) -> str:
        return "" if value is None else f"{value:.{digits}f}"

    metrics = metrics_of(rows[0], FLOAT)
    header = ("network", "alpha", "parameters", *(metric.title for metric in metrics), "Keras ms")
    body = [
        (
            one["network"],
            f"{one['alpha']:g}",
            f"{one['parameters']:,}",
            *(shown(one[f"{FLOAT}{metric.name}"], metric.digits + 1) for metric in metrics),
            shown(one["float_latency_ms"], 2),
            *(f"{f['bytes']:,} B, {shown(f['latency_ms'], 2)} ms" for f in one["files"].values()),
        )
        for one in rows
    ]
    return markdown_table(TextTable("Widths", (*header, *rows[0]["files"]), tuple(body)))


def plot(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Parameters, bytes and latency over alpha: a colour for each network, a line for each target."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 5), layout="constrained")
    panels = figure.subplots(1, 3)
    lines = ("-", "--", "-.", ":", (0, (1, 4)))
    for color, name in enumerate(networks_of("style_transfer")):
        own = [one for one in rows if one["network"] == name]
        alphas = [one["alpha"] for one in own]
        panels[0].plot(alphas, [one["parameters"] for one in own], marker="o", color=f"C{color}", label=name)
        for line, target in zip(lines, own[0]["files"], strict=False):
            for panel, what in ((panels[1], "bytes"), (panels[2], "latency_ms")):
                values = [one["files"][target][what] for one in own]
                panel.plot(alphas, values, linestyle=line, marker=".", color=f"C{color}", label=f"{name} {target}")
    for panel, title in zip(panels, ("parameters", "bytes", "latency, ms, one thread"), strict=True):
        panel.set(xlabel="alpha", ylabel=title, yscale="log", xscale="log")
        panel.set_xticks(ALPHAS, [f"{alpha:g}" for alpha in ALPHAS])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    panels[0].legend()
    panels[2].legend(fontsize=7)
    with written_aside(path) as aside:
        figure.savefig(aside, format="png", dpi=80, metadata={"Software": None})


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--trained", type=Path, nargs="*", default=[], metavar="CHECKPOINT")
    parser.add_argument("--alphas", type=float, nargs="+", default=ALPHAS)
    parser.add_argument("--targets", nargs="+", default=TARGETS)
    parser.add_argument("--side", type=int, default=256, help="height and width of the images, pixels")
    parser.add_argument("--images", type=int, default=2, help="validation photographs")
    parser.add_argument("--style", default="builtin", help="image that distances are to")
    parser.add_argument("--jobs", type=int)
    options = parser.parse_args()
    folder = options.output
    made = [path.relative_to(folder) for path in checkpoints(folder / "weights", options.trained, options.alphas)]
    text = RECIPE.format(
        style=options.style,
        first=made[0],
        side=options.side,
        targets=json.dumps(list(options.targets)),
        images=options.images,
    )
    write_text(folder / "width.toml", text)
    setting = f"train.warm_start={','.join(map(str, made))}"
    study = sweep(
        folder / "width.toml",
        [setting],
        folder / "sweep",
        jobs=options.jobs,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    rows = [row(study, folder, point) for point in study.record.points]
    machine = study.benchmark.machine
    record = {"format": 1, "machine": machine.model_dump(), "side": options.side, "style": options.style, "rows": rows}
    write_text(folder / "width_study.json", json.dumps(record, indent=1) + "\n")
    plot(folder / "width_study.png", rows)
    versions = ", ".join(f"{name} {version}" for name, version in machine.libraries.items())
    page = (
        f"# The width multiplier\n\nFiles for {options.side}x{options.side} images; latency on one thread of "
        f"{machine.processor} ({machine.cores} cores, {machine.system}), all files in turns. Distances, means of "
        f"{options.images} photographs, where a trained checkpoint was given. {versions}, Python "
        f"{machine.python}.\n\n{table(rows)}\n\n"
        "![parameters, bytes and latency by width](width_study.png)\n"
    )
    write_text(folder / "width_study.md", page)
    print(table(rows))


if __name__ == "__main__":
    main()
