"""Core ML by the emulator beside Core AI by Apple's runtime: ``python -m tests.formats.coreai.cross`` prints the table.

Both files are made of one network and are given the same picture; Core ML gives pictures in whole numbers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.base.images import to_uint8
from export_pipeline.export import export
from export_pipeline.formats import open_model
from export_pipeline.recipe import Recipe
from export_pipeline.records.signature import Signature, image_to_image, picture, tensor
from tests.export import material
from tests.small_models import COMPRESSED

PAIRS = {f"mlpackage-{form}": f"aimodel-{form}" for form in ("fp16", "int8", "palettized", "sparse")}
SIDE = 48
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "small": {"network": "small", "alpha": 0.3, "blocks": 1},
    "small, separable": {"network": "small", "alpha": 0.3, "blocks": 1, "blocks_kind": "separable", "norm": "batch"},
    "johnson": {"network": "johnson", "alpha": 0.1, "blocks": 1, "rho": 0.5},
    "subpixel": {"network": "subpixel", "alpha": 0.3, "blocks": 1, "margin": 8},
    "unet": {"network": "unet", "alpha": 0.2},
    "unet, instance norm": {"network": "unet", "alpha": 0.2, "norm": "instance"},
}


def _signature(name: str) -> Signature:
    if not name.startswith("unet"):
        return image_to_image(SIDE, SIDE, "image", "stylized")
    mask = tensor("mask", (1, SIDE, SIDE, 1), 0.0, 1.0)
    return Signature(inputs=(picture("image", SIDE, SIDE),), outputs=(mask,))


def differences(name: str) -> dict[str, float]:
    """The largest difference of an output, as a share of its range, by the Core AI target."""
    model = material.compressed(material.filled(**NETWORKS[name]), 16, 0.6)
    targets = (*PAIRS, *PAIRS.values())
    tables = {"compress": COMPRESSED, "export": {"height": SIDE, "width": SIDE, "targets": targets}}
    photo = material.photographs()[0][:SIDE, :SIDE]
    with tempfile.TemporaryDirectory() as folder:
        records = export(model, Recipe.parse({"name": "cross", **tables}), _signature(name), Path(folder))
        opened = {record.target: open_model(Path(folder) / record.file, threads=1) for record in records}
        found = {target: next(iter(runtime.infer({"image": photo}).values())) for target, runtime in opened.items()}
    if name.startswith("unet"):
        return {ours: float(np.abs(found[theirs] - found[ours]).max()) for theirs, ours in PAIRS.items()}
    return {
        ours: float(np.abs(found[theirs] - to_uint8(found[ours]).astype(np.float32)).max()) / 255
        for theirs, ours in PAIRS.items()
    }


def main() -> None:
    """Print the table in Markdown."""
    print("| network | fp16 | int8 | palettized | sparse |\n| --- | --- | --- | --- | --- |")
    for name in NETWORKS:
        print(f"| {name} | {' | '.join(f'{value:.4f}' for value in differences(name).values())} |", flush=True)


if __name__ == "__main__":
    main()
