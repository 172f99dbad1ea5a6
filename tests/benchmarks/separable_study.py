"""MobileNet's separable blocks in a style network: what they save, and what they cost: ``make separablestudy``.

Howard et al., "MobileNets", 2017: a 3x3 convolution as a depthwise and a pointwise one has 8 to 9 times fewer
multiply-accumulates where there are many filters. One network is trained with full convolutions and one with separable
ones, on the same crops; both are exported into all default targets and judged on held-out photographs, and all files
are timed in turns, in one process. The study goes on where it was interrupted; ``README.md`` in the folder is drawn
from its record.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from export_pipeline import models  # noqa: F401 isort: skip - loads TensorFlow quietly
from export_pipeline.base.files import write_text
from export_pipeline.base.size import size_of
from export_pipeline.formats import contents_of
from export_pipeline.pipeline import Pipeline, opened
from export_pipeline.recipe import Recipe, read_toml
from export_pipeline.report.latency import measure
from export_pipeline.report.machine import machine
from tests.benchmarks.metric_columns import cells, headings, metrics_of

RECIPE = Path("tests/benchmarks/separable.toml")
RECORD, PAGE = "study.json", "README.md"
RUNS = 30
FULL, SEPARABLE = "residual", "separable"
Row = Mapping[str, Any]


def recipe_of(blocks: str) -> Recipe:
    """The recipe with *blocks* as the kind of its blocks."""
    data = read_toml(RECIPE)
    data["model"]["blocks_kind"] = blocks
    return Recipe.parse(data, where=blocks, folder=RECIPE.parent)


def made(blocks: str, pipeline: Pipeline) -> dict[str, Any]:
    """The network with *blocks*, trained: its work by layer, and a row for each file."""
    network = pipeline.compress(pipeline.train())
    model, size = network.compressed.model, (pipeline.recipe.export.height, pipeline.recipe.export.width)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        model.save(path)
        found = contents_of(path, *size)
    exported = pipeline.export(network)
    parity = pipeline.verify(model, exported)
    names = [metric.name for metric in pipeline.recipe.metrics]
    return {
        "blocks": blocks,
        "parameters": model.count_params(),
        "work": [row.model_dump() for row in found.work],
        **{name: parity[0].float_metric(name) for name in names},
        "files": [
            {
                "target": file.target,
                "path": str(pipeline.files / file.file),
                **size_of(pipeline.files / file.file).model_dump(),
                "psnr": row.psnr,
                **{name: row.metric(name) for name in names},
                "status": row.status,
                "reason": row.reason,
            }
            for file, row in zip(exported, parity, strict=True)
        ],
    }


def study(folder: Path) -> None:
    """Train both, measure all files and write the record."""
    work, networks = folder.parent / f".{folder.name}.work", []
    for blocks in (FULL, SEPARABLE):
        kept = work / f"{blocks}.json"
        if not kept.is_file():
            with opened(recipe_of(blocks), work / blocks, say=print) as pipeline:
                write_text(kept, json.dumps(made(blocks, pipeline), indent=1) + "\n")
        networks.append(json.loads(kept.read_text("utf-8")))
    recipe = recipe_of(FULL)
    size = (recipe.export.height, recipe.export.width)
    files = [file for network in networks for file in network["files"]]
    latency, errors = measure([file["path"] for file in files], RUNS, 1, size)
    times = {row.file: row for row in latency}
    for file in files:
        path = file.pop("path")
        timed = times.get(path)
        file |= {"median_ms": timed.median_ms, "iqr_ms": timed.iqr_ms} if timed else {"skipped": errors[path]}
    record = {
        "machine": machine().model_dump(),
        "crops": recipe.train.steps * recipe.train.batch_size,
        "photographs": recipe.verify.images,
        "size": size,
        "runs": RUNS,
        "networks": networks,
    }
    write_text(folder / RECORD, json.dumps(record, indent=1) + "\n")


def page(record: Row) -> str:
    """What the record says."""
    full, separable = record["networks"]
    height, width = record["size"]
    metrics = metrics_of(full)
    pairs = list(zip(full["files"], separable["files"], strict=True))
    lines = [
        "# Separable blocks",
        "",
        f"By `make separablestudy`. The network `small` with {full['parameters']:,} parameters, and the same with "
        f'`blocks_kind = "separable"`, {separable["parameters"]:,}: each trained from the start on the same '
        f"{record['crops']:,} crops with the same losses, and judged on {record['photographs']} held-out photographs "
        f"at {width}x{height}.",
        "",
        "## The work",
        "",
        *table(("layer", "full", "separable", "times less"), layers(full, separable)),
        "",
        "A layer of N filters has 1 / (1/N + 1/9) times less: 4.5 with the 9 here, 8.4 with the 128 of `johnson` at "
        "full width. The first and the last convolution stay full: they are most of the work of so narrow a network.",
        "",
        "## The picture",
        "",
        "Of the float networks; less is better.",
        "",
        *table(
            ("blocks", *headings(metrics).split(" | ")),
            [
                (row["blocks"], *cells(metrics, row, None if row is full else full).split(" | "))
                for row in (full, separable)
            ],
        ),
        "",
        "## The files",
        "",
        f"Times are medians of {record['runs']} runs on one thread, all files in turns in one process.",
        "",
        *table(
            (
                "file",
                "bytes, full",
                "separable",
                "ms, full",
                "separable",
                "times as fast",
                "PSNR dB, full",
                "separable",
            ),
            [file_cells(*pair) for pair in pairs],
        ),
        "",
        *refused(pairs),
        f"*{record['machine']['processor']}, {record['machine']['cores']} cores, {record['machine']['system']}*",
    ]
    return "\n".join(lines) + "\n"


def layers(full: Row, separable: Row) -> list[tuple[str, ...]]:
    """A row for each convolution that became two, one for those all together, and one for the whole network."""
    old = {row["name"]: row["multiply_accumulates"] for row in full["work"]}
    new = {row["name"]: row["multiply_accumulates"] for row in separable["work"]}
    halves = {name: name.replace("_conv", "_depthwise") for name in old}
    changed = {
        name: (old[name], new[name] + new[half]) for name, half in halves.items() if half in new and half != name
    }
    rows = [*changed.items(), ("all of these", tuple(map(sum, zip(*changed.values(), strict=True))))]
    rows.append(("the whole network", (sum(old.values()), sum(new.values()))))
    return [(name, f"{before:,}", f"{after:,}", f"{before / after:.2f}") for name, (before, after) in rows]


def file_cells(full: Row, separable: Row) -> tuple[str, ...]:
    """The cells of one target."""
    times: list[float] = [row.get("median_ms", math.nan) for row in (full, separable)]
    return (
        full["target"],
        f"{full['bytes']:,}",
        f"{separable['bytes']:,}",
        *("-" if math.isnan(time) else f"{time:.1f}" for time in (*times, times[0] / times[1])),
        *("-" if row["psnr"] is None else f"{row['psnr']:.1f}" for row in (full, separable)),
    )


def refused(pairs: Sequence[tuple[Row, Row]]) -> Iterator[str]:
    """What a build would refuse."""
    for kind, rows in zip(("full", "separable"), zip(*pairs, strict=True), strict=True):
        for row in rows:
            if row["status"] != "passed":
                yield f"- {row['target']} with {kind} blocks: {row['status'].upper()}: {row['reason']}"
    yield ""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table."""
    yield f"| {' | '.join(header)} |"
    yield "|" + " --- |" * len(header)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def main() -> None:
    """Write ``study.json`` and its page into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/separable_study"), metavar="FOLDER")
    parser.add_argument("--draw-only", action="store_true", help="make nothing, draw the record that is there")
    options = parser.parse_args()
    if not options.draw_only:
        if not os.environ.get("EXPORT_PIPELINE_DATA"):
            print("SKIPPED: EXPORT_PIPELINE_DATA names no folder of photographs and paintings")
            return
        study(options.output)
    write_text(options.output / PAGE, page(json.loads((options.output / RECORD).read_text("utf-8"))))
    print(options.output / PAGE)


if __name__ == "__main__":
    main()
