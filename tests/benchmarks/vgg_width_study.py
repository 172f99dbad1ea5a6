"""What style transfer loses when its loss network is clustered: ``python -m tests.benchmarks.vgg_width_study``.

Photographs are stylized by optimization (Gatys et al., 2016; L-BFGS, Byrd et al., 1995), once with the float VGG-19
and once with each clustered one; the original judges all of the pictures. The photographs are built in; the paintings
are the first of ``$EXPORT_PIPELINE_DATA/styles``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from export_pipeline import coding
from export_pipeline.base.files import write_text
from export_pipeline.base.images import fit, load_image
from export_pipeline.base.size import size_of
from export_pipeline.gatys.optimize import Optimization, stylize
from export_pipeline.kmeans import kmeans
from export_pipeline.perception.judge import StyleJudge
from export_pipeline.perception.loss_network import LossNetwork
from export_pipeline.perception.vgg_weights import Weights, vgg19_weights
from export_pipeline.report.machine import machine
from export_pipeline.tasks import builtin

SIDE = 256
PHOTOGRAPHS = ("astronaut", "coffee")
STYLES = 2
WIDTHS = (8, 7, 6, 5, 4, 3, 2, 1)


def styles(data: Path) -> dict[str, np.ndarray]:
    """The paintings, by name."""
    return {path.stem: load_image(path) for path in sorted((data / "styles").glob("*.jpg"))[:STYLES]}


def clustered(weights: Weights, bits: int) -> tuple[Weights, dict[str, float]]:
    """*weights* with each kernel clustered into ``2**bits`` values, and what that did to the size and to the values."""
    kernels, coded, error, power = {}, {}, 0.0, 0.0
    for layer, (kernel, bias) in weights.items():
        found = kmeans(kernel, 2**bits)
        kernels[layer] = (found.centroids[found.indices].reshape(kernel.shape), bias)
        coded |= {f"{layer}/kernel": kernels[layer][0], f"{layer}/bias": bias}
        error, power = error + found.squared_error, power + float(np.square(kernel, dtype=np.float64).sum())
    return kernels, {**_sizes(coded), "relative_squared_error": error / power}


def _sizes(arrays: Mapping[str, np.ndarray]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"vgg19{coding.SUFFIX}"
        coding.write(path, {name: coding.coded(array) if array.ndim > 1 else array for name, array in arrays.items()})
        size = size_of(path)
    return {"bytes": size.bytes, "deflated_bytes": size.deflated_bytes}


def study(folder: Path, data: Path, evaluations: int) -> dict[str, Any]:
    """Every pair at every width; the pictures of the first pair lie in *folder*, from float to one bit."""
    how = Optimization(iterations=evaluations, evaluations=evaluations)
    original = vgg19_weights()
    photographs = {name: fit(builtin.photographs()[name], SIDE, SIDE) for name in PHOTOGRAPHS}
    paintings = styles(data)
    judges = {name: StyleJudge(original, painting) for name, painting in paintings.items()}
    float_bytes = sum(kernel.nbytes + bias.nbytes for kernel, bias in original.values())
    rows: list[dict[str, Any]] = []
    shown: list[np.ndarray] = []
    for bits in (32, *WIDTHS):
        weights, about = (original, {"bytes": float_bytes}) if bits == 32 else clustered(original, bits)
        judged = []
        for style, painting in paintings.items():
            for name, photograph in photographs.items():
                picture = stylize(photograph, [painting], LossNetwork(weights), how).picture
                if not judged:
                    shown.append(picture)
                judge = judges[style]
                distances = judge.distances(picture, judge.reference(photograph)).model_dump()
                judged.append({"photograph": name, "style": style, **distances})
        means = {what: float(np.mean([row[what] for row in judged])) for what in distances}
        rows.append({"bits": bits, **about, **means, "pairs": judged})
        print(
            f"{bits:>2} bits  {about['bytes']:>12,.0f} bytes  covariance {means['covariance_distance']:.4f}", flush=True
        )
    Image.fromarray(np.concatenate(shown, 1)).save(folder / "vgg.jpg", quality=85)
    return {"machine": machine().model_dump(), "evaluations": evaluations, "side": SIDE, "widths": rows}


def main() -> None:
    """Write ``vgg.json`` and ``vgg.jpg`` into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--evaluations", type=int, default=30, help="of the loss, for each picture (default: 30)")
    options = parser.parse_args()
    data = os.environ.get("EXPORT_PIPELINE_DATA")
    if not data:
        sys.exit("EXPORT_PIPELINE_DATA names no folder with styles/")
    options.output.mkdir(parents=True, exist_ok=True)
    found = study(options.output, Path(data), options.evaluations)
    write_text(options.output / "vgg.json", json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
