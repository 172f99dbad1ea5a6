"""What style transfer loses when its loss network is clustered: ``python -m tests.benchmarks.vgg_width_study``.

Photographs are stylized by optimization (Gatys et al., 2016; L-BFGS, Byrd et al., 1995), once with the float VGG-19
and once with each clustered one; the original judges all of the pictures. The photographs are built in; the paintings
are those of ``$EXPORT_PIPELINE_DATA/styles``, or the project's own where that is not set.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image
from scipy.optimize import minimize

from export_pipeline import coding
from export_pipeline.files import write_text
from export_pipeline.images import fit, load_image, to_uint8
from export_pipeline.kmeans import kmeans
from export_pipeline.recipe import TrainTable
from export_pipeline.report.machine import machine
from export_pipeline.report.size import size_of
from export_pipeline.train import builtin
from export_pipeline.train.losses import PerceptualLoss
from export_pipeline.train.weights import Weights, vgg19_weights
from export_pipeline.verify import StyleJudge

SIDE = 256
PHOTOGRAPHS = ("astronaut", "coffee")
MOST_STYLES = 1
WIDTHS = (8, 7, 6, 5, 4, 3, 2, 1)
TABLE = TrainTable(style_weight=2.0, tv_weight=0.1, edge_weight=0.0, style_size=512)


def styles() -> dict[str, np.ndarray]:
    """The paintings, by name."""
    folder = os.environ.get("EXPORT_PIPELINE_DATA")
    if not folder:
        return {"builtin": builtin.style_image()}
    return {path.stem: load_image(path) for path in sorted((Path(folder) / "styles").glob("*.jpg"))}


class Optimizer:
    """Stylizes photographs after one painting with one loss network."""

    def __init__(self, weights: Weights, style: np.ndarray) -> None:
        loss = PerceptualLoss(weights, style, TABLE)

        @tf.function
        def value_and_gradient(photo: Any, image: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(image)
                total = loss(photo, image)["total"][0]
            return total, tape.gradient(total, image)

        self._value_and_gradient = value_and_gradient

    def __call__(self, photograph: np.ndarray, evaluations: int) -> np.ndarray:
        """*photograph*, ``(H, W, 3)`` uint8, moved by L-BFGS for *evaluations* of the loss: uint8 of the same shape."""
        photo = tf.constant(photograph[None], tf.float32)

        def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
            # A pixel is 0..255 and the loss about one: L-BFGS wants both of one order.
            total, gradient = self._value_and_gradient(photo, tf.constant(flat.reshape(photo.shape) * 255, tf.float32))
            return float(total), gradient.numpy().astype(np.float64).ravel() * 255

        start = photograph.astype(np.float64).ravel() / 255
        options = {"maxfun": evaluations, "maxiter": evaluations, "maxcor": 20}
        found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * start.size, options=options)
        return to_uint8(found.x.reshape(photograph.shape).astype(np.float32) * 255)


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


def study(folder: Path, evaluations: int) -> dict[str, Any]:
    """Every pair at every width; the pictures of the first pair lie in *folder*, from float to one bit."""
    tf.config.experimental.enable_op_determinism()
    original = vgg19_weights()
    photographs = {name: fit(builtin.photographs()[name], SIDE, SIDE) for name in PHOTOGRAPHS}
    paintings = dict(list(styles().items())[:MOST_STYLES])
    judges = {name: StyleJudge(original, painting) for name, painting in paintings.items()}
    float_bytes = sum(kernel.nbytes + bias.nbytes for kernel, bias in original.values())
    rows: list[dict[str, Any]] = []
    shown: list[np.ndarray] = []
    for bits in (32, *WIDTHS):
        weights, about = (original, {"bytes": float_bytes}) if bits == 32 else clustered(original, bits)
        judged = []
        for style, painting in paintings.items():
            optimizer = Optimizer(weights, painting)
            for name, photograph in photographs.items():
                picture = optimizer(photograph, evaluations)
                if not judged:
                    shown.append(picture)
                distances = {
                    "style_distance": judges[style].style_distance(picture),
                    "content_distance": judges[style].content_distance(picture, photograph),
                }
                judged.append({"photograph": name, "style": style, **distances})
        means = {what: float(np.mean([row[what] for row in judged])) for what in distances}
        rows.append({"bits": bits, **about, **means, "pairs": judged})
        print(f"{bits:>2} bits  {about['bytes']:>12,.0f} bytes  style {means['style_distance']:.4f}", flush=True)
    Image.fromarray(np.concatenate(shown, 1)).save(folder / "vgg.jpg", quality=85)
    return {"machine": machine().model_dump(), "evaluations": evaluations, "side": SIDE, "widths": rows}


def main() -> None:
    """Write ``vgg.json`` and ``vgg.jpg`` into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--evaluations", type=int, default=30, help="of the loss, for each picture (default: 30)")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    found = study(options.output, options.evaluations)
    write_text(options.output / "vgg.json", json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
