"""Side by side: photo, style, the published model where there is one, and ours: ``python -m tests.benchmarks.sheets``.

Photographs are built in, so that the sheets may be shown; the paintings are those of the recipes, below
``$EXPORT_PIPELINE_DATA``, and the published model lies in ``anchors`` beside it.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from PIL import Image

import export_pipeline
from export_pipeline.base.files import written_aside
from export_pipeline.base.images import fit, load_image, to_uint8
from export_pipeline.formats import open_model, resize_to
from export_pipeline.recipe import StyleTransferRecipe
from export_pipeline.report.sheet import Tile, laid_out
from export_pipeline.tasks.builtin import photographs

RECIPES = Path(export_pipeline.__file__).parent / "recipes"
PHOTOGRAPHS = ("astronaut", "coffee", "china")
HEIGHT, WIDTH = 640, 480
PUBLISHED = "fritz_starry_night_640x480_a025.tflite"
OURS = (
    ("small", "int8.mlmodel", "small, 11,868 parameters\nCore ML 8-bit"),
    ("subpixel", "int8.tflite", "subpixel, 14,314 parameters\nTFLite full integer"),
    ("johnson", "int8.mlmodel", "johnson, 108,374 parameters\nCore ML 8-bit"),
)


def stylized(model: Path, photo: np.ndarray) -> np.ndarray:
    """*photo*, ``(H, W, 3)`` uint8, through a model file: uint8 of the model's size."""
    runtime = open_model(model)
    return to_uint8(runtime.stylize(resize_to(photo, runtime.signature)))


def sheet(style: str, painting: Path, data: Path, bundles: Path) -> np.ndarray:
    """A line for each photograph: ``(H, W, 3)`` uint8."""
    shown = fit(load_image(painting), HEIGHT, WIDTH)
    models = [(caption, bundles / f"{style}_{name}/{style}_{name}-{suffix}") for name, suffix, caption in OURS]
    published = data.parent / "anchors" / PUBLISHED
    if style in PUBLISHED and published.is_file():
        models.insert(0, ("published, 108,374\nTFLite float", published))
    lines = []
    for _, path in models:
        if not path.exists():
            print(f"{style}: SKIPPED {path}, which is not there", flush=True)
    for name in PHOTOGRAPHS:
        photo = fit(photographs()[name], HEIGHT, WIDTH)
        made = [Tile(caption, stylized(path, photo)) for caption, path in models if path.exists()]
        lines.append([Tile("photo", photo), Tile("style", shown), *made])
    return laid_out(lines, tile_width=240, in_line=6)


def main() -> None:
    """Write a sheet for each style that has a bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/sheets"), metavar="FOLDER")
    parser.add_argument("--bundles", type=Path, default=Path("artifacts"), metavar="FOLDER")
    options = parser.parse_args()
    given = os.environ.get("EXPORT_PIPELINE_DATA")
    if not given:
        parser.exit(2, "EXPORT_PIPELINE_DATA is not set; it names a folder with styles/. Set it.\n")
    options.output.mkdir(parents=True, exist_ok=True)
    recipes = {path.stem.removesuffix(f"_{name}"): path for name, *_ in OURS for path in RECIPES.glob(f"*_{name}.toml")}
    for style, recipe in sorted(recipes.items()):
        if list(options.bundles.glob(f"{style}_*/manifest.json")):
            loaded = StyleTransferRecipe.load(recipe)
            painting = loaded.path(loaded.train.style)
            path = options.output / f"{style}.jpg"
            with written_aside(path) as aside:
                made = sheet(style, painting, Path(given), options.bundles)
                Image.fromarray(made).save(aside, "JPEG", quality=85)
            print(path, flush=True)


if __name__ == "__main__":
    main()
