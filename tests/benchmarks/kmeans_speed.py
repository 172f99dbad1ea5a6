"""k-means on VGG-19: squared error against the exact optimum, and time, on one core: ``make kmeansspeed``.

Two kinds of values. ``published`` are the weights as they come, from tables of 256 entries a layer, which 8 bits hold
without error. ``continuous`` are the same with seeded noise over half of the space to the next entry either side, so
that they have as many distinct values as freshly trained weights. The exact optimum comes from ``kmeans1d``, where it
is installed, on two layers that it can do; each run does both, one after the other.
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.base.files import write_text
from export_pipeline.kmeans import kmeans
from export_pipeline.perception.vgg_weights import vgg19_weights
from export_pipeline.report.machine import processor

COMPARED = {"conv1_2": 36_864, "conv3_1": 294_912}
COMPARED_BITS = (4, 8)
BITS = range(1, 9)
SEED = 0

Layers = dict[str, np.ndarray]
Row = dict[str, Any]


def continuous(kernel: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """*kernel* with every value moved at random by less than half of the way to the next distinct one."""
    entries, index = np.unique(kernel, return_inverse=True)
    gaps = np.diff(entries)
    left, right = np.append(gaps[:1], gaps), np.append(gaps, gaps[-1:])
    moved = generator.uniform(-0.5, 0.5, kernel.size)
    index = index.ravel()
    return (entries[index] + moved * np.where(moved < 0, left[index], right[index])).astype(np.float32)


def on_one_core() -> None:
    """Keep this process on one processor, where the system lets it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """What *call* gives, and the seconds that it takes on the wall clock and on the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def exact(values: np.ndarray, clusters: int) -> float:
    """The optimum's squared error, by kmeans1d."""
    import kmeans1d

    found = kmeans1d.cluster(values, clusters)
    distance = values.astype(np.float64) - np.asarray(found.centroids)[np.asarray(found.clusters)]
    return float(distance @ distance)


def comparisons(layers: Layers, runs: int) -> Iterator[Row]:
    installed = importlib.util.find_spec("kmeans1d") is not None
    for layer, bits in ((layer, bits) for layer in COMPARED for bits in COMPARED_BITS):
        row: Row = {"layer": layer, "values": layers[layer].size, "bits": bits}
        if not installed:
            yield row | {"kmeans1d": "SKIPPED: kmeans1d is not installed"}
            continue
        ours, theirs = [], []
        for _ in range(runs):
            found, _, seconds = timed(lambda layer=layer, bits=bits: kmeans(layers[layer], 2**bits))
            ours.append(seconds)
            least, _, seconds = timed(lambda layer=layer, bits=bits: exact(layers[layer], 2**bits))
            theirs.append(seconds)
        yield row | {
            "squared_error": found.squared_error,
            "above_optimum": found.squared_error / least - 1,
            "proven_above_optimum": found.excess,
            "cpu_seconds": statistics.median(ours),
            "kmeans1d": {"squared_error": least, "cpu_seconds": statistics.median(theirs)},
        }


def totals(kind: str, layers: Layers) -> Iterator[Row]:
    for bits in BITS:
        results = [timed(lambda values=values, bits=bits: kmeans(values, 2**bits)) for values in layers.values()]
        found, walls, cpus = zip(*results, strict=True)
        yield {
            "values": kind,
            "bits": bits,
            "wall_seconds": sum(walls),
            "cpu_seconds": sum(cpus),
            "squared_error": sum(each.squared_error for each in found),
            "most_proven_above_optimum": max(each.excess for each in found),
        }


def show_comparison(row: Row) -> None:
    head = f"{row['layer']:<9}{row['values']:>9,} values {row['bits']} bits  "
    if isinstance(row["kmeans1d"], str):
        print(head + row["kmeans1d"], flush=True)
        return
    times = f"{row['cpu_seconds']:7.2f} s, kmeans1d {row['kmeans1d']['cpu_seconds']:7.2f} s"
    print(f"{head}{row['above_optimum']:+.1e} (proven {row['proven_above_optimum']:.1e})  {times}", flush=True)


def show_total(row: Row) -> None:
    times = f"{row['wall_seconds']:7.2f} s ({row['cpu_seconds']:.2f} s of processor)"
    proven = f"proven within {row['most_proven_above_optimum']:.1e} of the optimum"
    print(f"VGG-19, {row['values']:<11} {row['bits']} bits {times}, {proven}", flush=True)


def shown(rows: Iterator[Row], show: Callable[[Row], None]) -> list[Row]:
    kept = []
    for row in rows:
        show(row)
        kept.append(row)
    return kept


def device() -> Row:
    names = ("numpy", "kmeans1d")
    found = {name: metadata.version(name) for name in names if importlib.util.find_spec(name)}
    return {"processor": processor(), "threads": 1, "libraries": dict.fromkeys(names, "not installed") | found}


def main() -> None:
    """Print every row, and write them to ``-o``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-o", "--output", type=Path, help="write a JSON record there")
    parser.add_argument("--runs", type=int, default=1, help="interleaved runs against kmeans1d; medians are shown")
    asked = parser.parse_args()
    on_one_core()
    published = {layer: kernel for layer, (kernel, _) in vgg19_weights().items()}
    generator = np.random.default_rng(SEED)
    noisy = {layer: continuous(kernel, generator) for layer, kernel in published.items()}
    assert {layer: noisy[layer].size for layer in COMPARED} == COMPARED
    record = {
        "device": device(),
        "values": sum(kernel.size for kernel in published.values()),
        "distinct": {
            kind: sum(np.unique(kernel).size for kernel in layers.values())
            for kind, layers in (("published", published), ("continuous", noisy))
        },
        "runs": asked.runs,
        "against_kmeans1d_continuous": shown(comparisons(noisy, asked.runs), show_comparison),
        "totals": shown(totals("published", published), show_total) + shown(totals("continuous", noisy), show_total),
    }
    if asked.output:
        write_text(asked.output, json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
