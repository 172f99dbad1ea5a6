"""Time from a container of VGG-19's weights to float32 arrays, at 1 to 8 bits, interleaved: ``make loadspeed``.

The convolutions of VGG-19 (16 kernels, 20 million weights) are clustered to each width and written. Then all files are
read in turn, as often as asked: once to warm up, the rest is counted. The files lie in the system's cache.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline import coding
from export_pipeline.base.cores import cores
from export_pipeline.base.files import write_text
from export_pipeline.kmeans import kmeans
from export_pipeline.perception.vgg_weights import Weights, vgg19_weights
from export_pipeline.report.machine import processor

WIDTHS = range(1, 9)


def container(weights: Weights, bits: int, folder: Path) -> Path:
    path = folder / f"vgg19-{bits}bit{coding.SUFFIX}"
    tensors: dict[str, Any] = {}
    for layer, (kernel, bias) in weights.items():
        found = kmeans(kernel, 1 << bits)
        tensors[f"{layer}/kernel"] = coding.CodedTensor(found.centroids, found.indices)
        tensors[f"{layer}/bias"] = bias
    coding.write(path, tensors)
    return path


def timed(paths: dict[int, Path], runs: int) -> dict[int, list[float]]:
    """Milliseconds of each counted run, by width."""
    found: dict[int, list[float]] = {bits: [] for bits in paths}
    for run in range(runs + 1):
        for bits, path in paths.items():
            begun = time.perf_counter()
            arrays = coding.read(path)
            took = time.perf_counter() - begun
            if run:
                found[bits].append(1000 * took)
            del arrays
    return found


def measured(runs: int) -> dict[str, Any]:
    weights = vgg19_weights()
    with tempfile.TemporaryDirectory() as folder:
        paths = {bits: container(weights, bits, Path(folder)) for bits in WIDTHS}
        rows = []
        for bits, values in timed(paths, runs).items():
            low, median, high = statistics.quantiles(values, n=4)
            row = {"bits": bits, "bytes": paths[bits].stat().st_size, "median_ms": median, "quartiles_ms": [low, high]}
            rows.append(row)
    medians = [row["median_ms"] for row in rows]
    return {
        "what": "VGG-19, 16 convolutions, file to float32 arrays",
        "weights": sum(kernel.size for kernel, _ in weights.values()),
        "processor": processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "zlib": zlib.ZLIB_RUNTIME_VERSION},
        "runs": runs,
        "widths": rows,
        "slowest_over_fastest": max(medians) / min(medians),
    }


def main() -> None:
    """Print a row for each width; write the record if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, metavar="RECORD", help="write the figures there as JSON")
    parser.add_argument("--runs", type=int, default=30, help="counted runs of each width (default: 30)")
    options = parser.parse_args()
    found = measured(options.runs)
    print(f"{found['what']}, {found['runs']} runs\n{found['processor']}, {found['cores']} cores, {found['versions']}\n")
    print(f"{'bits':>4}{'bytes':>12}{'median ms':>11}{'quartiles':>16}")
    for row in found["widths"]:
        low, high = row["quartiles_ms"]
        print(f"{row['bits']:>4}{row['bytes']:>12}{row['median_ms']:>11.1f}{f'{low:.1f} .. {high:.1f}':>16}")
    print(f"\nslowest over fastest: {found['slowest_over_fastest']:.2f}")
    if options.output:
        write_text(options.output, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
