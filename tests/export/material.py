"""What the tests of the export stage export."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.recipe import Recipe
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.signature import Signature, image_to_image
from export_pipeline.targets import TARGETS
from tests.small_models import COMPRESSED, few_values

NETWORKS = {
    "small": {"network": "small", "alpha": 0.3, "blocks": 1},
    "johnson_batch": {"network": "johnson", "alpha": 0.1, "blocks": 1, "norm": "batch"},
    "subpixel_margin": {"network": "subpixel", "alpha": 0.2, "blocks": 1, "norm": "batch", "margin": 8},
}
# Those that flexible files are made of.
OF_SEVERAL_SIZES: dict[str, dict[str, Any]] = {
    "small": {"network": "small", "alpha": 0.1, "blocks": 1, "margin": 8},
    "johnson": {"network": "johnson", "alpha": 0.1, "blocks": 1, "norm": "batch"},
    "subpixel": {"network": "subpixel", "alpha": 0.1, "blocks": 1, "norm": "batch", "margin": 8},
}


def network(name: str) -> Any:
    """A tiny network of any size, pruned and clustered, with norm parameters that do something."""
    return compressed(filled(**NETWORKS[name]), 16, 0.6)


def compressed(model: Any, count: int, zeros: float) -> Any:
    """*model* with *count* values in each kernel, the share *zeros* of them zero."""
    for weight in model.weights:
        if "kernel" in weight.name:
            weight.assign(few_values(weight.numpy(), count, zeros))
    return model


def filled(network: str, **arguments: Any) -> Any:
    from export_pipeline.models import NETWORKS as BUILDERS

    model = BUILDERS[network](**arguments)
    random = np.random.default_rng(0)
    for weight in model.weights:
        kind, shape = weight.name.split("/")[-1].split(":")[0], tuple(weight.shape)
        if kind == "kernel":
            value = random.normal(0, np.prod(shape[:3]) ** -0.5, shape)
        elif kind in ("gamma", "moving_variance"):
            value = random.uniform(0.5, 1.0, shape)
        else:
            value = random.normal(0, 0.2, shape)
        weight.assign(value.astype(np.float32))
    return model


def photographs() -> list[np.ndarray]:
    """Smooth images with edges; real photographs are not needed to find a wrong operation."""
    rows, columns = np.mgrid[0:96, 0:80] / 80
    random = np.random.default_rng(1)
    images = []
    for _ in range(4):
        a, b, c = random.uniform(2, 9, 3)
        waves = [np.sin(a * rows + b * columns), np.cos(b * rows * columns), (rows * c % 1 > 0.5) - 0.5]
        images.append(np.clip(127 + 110 * np.stack(waves, -1), 0, 255).astype(np.uint8))
    return images


def recipe(targets: tuple[str, ...] = tuple(TARGETS), side: int = 64) -> Recipe:
    tables = {"compress": COMPRESSED, "export": {"height": side, "width": side, "targets": targets}}
    return Recipe.parse({"name": "tiny", **tables})


def signature_of(recipe: Recipe) -> Signature:
    """What the network of *recipe* takes and gives."""
    return image_to_image(recipe.export.height, recipe.export.width, "image", "stylized")


def exported(
    model: Any, recipe: Recipe, folder: Path, photographs: Sequence[np.ndarray] = (), **more: Any
) -> tuple[ExportedModel, ...]:
    """*model*, from image to image, exported as *recipe* says and calibrated on *photographs*."""
    from export_pipeline.export import export, pictures

    signature = signature_of(recipe)
    return export(model, recipe, signature, folder, pictures(signature, photographs), **more)


def main(folder: str) -> None:
    """Export the tiny network to *folder* and print the hashes: run in a process with another hash seed."""
    records = exported(network("small"), recipe(), Path(folder), photographs(), checkpoint_sha256="0" * 64)
    print(json.dumps({path: value for record in records for path, value in record.sha256.items()}))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main(sys.argv[1])
