"""One tiny network in every format, made once for all tests that need model files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.recipe import Recipe, StyleTransferRecipe
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.signature import image_to_image
from export_pipeline.targets import TARGETS
from export_pipeline.tasks.photographs import Photographs
from export_pipeline.tasks.style_transfer import StyleTransfer
from tests.shared import shared

HEIGHT, WIDTH = 64, 48
# What a recipe must ask for that has targets for pruned and clustered networks.
COMPRESSED = {"schedule": "constant", "steps": 100, "bits": 4}
RECIPE = Recipe.parse(
    {
        "name": "tiny",
        "model": {"network": "small", "alpha": 0.1, "blocks": 0},
        "compress": COMPRESSED,
        "export": {"height": HEIGHT, "width": WIDTH, "targets": tuple(TARGETS)},
    }
)


@dataclass(frozen=True)
class Exported:
    """The folder, what was exported into it, the network, and the network as a ``.keras`` file."""

    folder: Path
    models: tuple[ExportedModel, ...]
    network: Any
    float_model: Path

    def path(self, target: str) -> Path:
        return self.folder / next(model.file for model in self.models if model.target == target)


def photographs(count: int = 2) -> list[np.ndarray]:
    """Smooth color fields with hard edges, values 0..255: photographs as far as a network can tell."""
    y, x = np.mgrid[0:80, 0:96]
    made = []
    for index in range(count):
        waves = [127.5 + 127.5 * np.sin((x * (c + 1) + y * (index + 2)) / 17) for c in range(3)]
        image = np.rint(np.stack(waves, axis=-1)).astype(np.uint8)
        image[10 + index : 30, 20:50] = (255, 0, 128)
        made.append(image)
    return made


def task(count: int = 2, recipe: Recipe = RECIPE) -> StyleTransfer:
    """The task of *recipe* with *count* photographs of the test's own to train and to verify on."""
    assert isinstance(recipe, StyleTransferRecipe)
    found = photographs(count)
    named = Photographs(tuple(map(str, range(count))), found.__getitem__)
    return StyleTransfer(recipe, photographs(1)[0], named, named)


def _network() -> Any:
    """Its weights are seeded, and each kernel has four values, mostly zero."""
    import tf_keras as keras

    from export_pipeline import models

    keras.utils.set_random_seed(0)
    network = models.NETWORKS["small"](alpha=0.1, blocks=0)
    generator = np.random.default_rng(0)
    network.set_weights([_varied(array, generator) for array in network.get_weights()])
    return network


def exported_to(folder: Path, target: str) -> Path:
    """One target of the tiny network, made in *folder*: for who needs no other."""
    from export_pipeline.export import export, pictures

    recipe = Recipe.parse({**RECIPE.model_dump(), "export": {"height": HEIGHT, "width": WIDTH, "targets": (target,)}})
    signature = image_to_image(HEIGHT, WIDTH, "image", "stylized")
    (made,) = export(_network(), recipe, signature, folder, pictures(signature, photographs()))
    return folder / made.file


@cache
def exported() -> Exported:
    """Every target of the tiny network."""
    network, folder = _network(), shared("tiny-models", _export_all)
    records = json.loads((folder / "models.json").read_text())
    models = tuple(ExportedModel.model_validate_json(json.dumps(record)) for record in records)
    return Exported(folder / "files", models, network, folder / "float.keras")


def _export_all(folder: Path) -> None:
    from export_pipeline.export import export, pictures

    network, signature = _network(), image_to_image(HEIGHT, WIDTH, "image", "stylized")
    made = export(network, RECIPE, signature, folder / "files", pictures(signature, photographs()))
    network.save(folder / "float.keras")
    (folder / "models.json").write_text(json.dumps([model.model_dump(mode="json") for model in made]))


def _varied(array: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    if array.ndim == 1:  # gammas and betas: ones and zeros would be folded away
        return (array + generator.uniform(0.05, 0.2, array.shape)).astype(np.float32)
    return few_values(array, 4, 0.5)


def few_values(kernel: np.ndarray, count: int, zeros: float) -> np.ndarray:
    """*kernel* pruned and clustered: the smallest *zeros* of it zero, *count* values in all, each a 16-bit float.

    One of a single value, which has no smallest, stays as it is.
    """
    if np.ptp(kernel) == 0:
        return kernel
    kept = np.abs(kernel) > np.quantile(np.abs(kernel), zeros)
    shares = (np.arange(count - 1) + 0.5) / (count - 1)
    centers = np.quantile(kernel[kept], shares).astype(np.float16).astype(np.float32)
    nearest = centers[np.abs(kernel[..., None] - centers).argmin(axis=-1)]
    return np.where(kept, nearest, np.float32(0))
