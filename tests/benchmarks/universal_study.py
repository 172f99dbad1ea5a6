"""The network of any style beside the published one, on paintings that it was not trained on: ``make universalstudy``.

The published network is MicroAST (Wang et al., AAAI 2023), as ONNX; it lies in ``anchors`` beside
``$EXPORT_PIPELINE_DATA``. Both paint the same held-out photographs after the same paintings, one judge measures both,
and their files are timed in turns. ``README.md`` in the folder is drawn from the record.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from export_pipeline import models  # noqa: F401 isort: skip - loads TensorFlow quietly
import numpy as np
from PIL import Image

from export_pipeline.base.files import write_text, written_aside
from export_pipeline.base.images import fit, list_images, load_image, load_photograph, to_uint8
from export_pipeline.base.size import size_of
from export_pipeline.bundle import Bundle
from export_pipeline.formats import open_model
from export_pipeline.perception.judge import StyleJudge
from export_pipeline.perception.vgg_weights import vgg19_weights
from export_pipeline.report.machine import machine
from export_pipeline.report.sheet import Tile, laid_out
from export_pipeline.tasks.builtin import photographs
from export_pipeline.tasks.painted import MANNERS
from export_pipeline.tasks.paintings import squared
from tests.benchmarks.universal_page import COLUMNS, page

HEIGHT, WIDTH, SIDE = 640, 480, 512
PUBLISHED = "microast_640x480.onnx"
SHOWN = ("astronaut", "coffee", "china")
RUNS = 30
# Paintings that ours was trained on, and how many photographs they are measured with: to see what held-out ones lose.
TRAINED = (
    *("the_scream.jpg", "water_lilies_1919_2.jpg"),
    *("kandinsky_composition_vii_1913.jpg", "turner_shipwreck_1805.jpg"),
)
FEW = 3
Painting = Callable[[np.ndarray, np.ndarray], np.ndarray]


def published(path: Path) -> Painting:
    """MicroAST: a photograph ``(H, W, 3)`` and a painting, uint8, to a picture, uint8. One thread."""
    runtime = open_model(path, 1)

    def paint(photo: np.ndarray, painting: np.ndarray) -> np.ndarray:
        arrays = {"photo": photo, "style": squared(painting, SIDE)}
        given = {name: array.transpose(2, 0, 1)[None].astype(np.float32) for name, array in arrays.items()}
        return to_uint8(runtime.run(given)["stylized"][0].transpose(1, 2, 0))

    return paint


def encoder(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Ours: a painting to its statistics. One thread."""
    runtime = open_model(path, 1)
    return lambda painting: runtime.infer({"painting": squared(painting, SIDE)})["style"]


def painter(path: Path) -> Painting:
    """Ours: a photograph and statistics to a picture. One thread."""
    runtime = open_model(path, 1)
    strength = np.ones((1, 1, 1), np.float32)

    def paint(photo: np.ndarray, style: np.ndarray) -> np.ndarray:
        (made,) = runtime.infer({"image": photo, "style": style, "strength": strength}).values()
        return to_uint8(made)

    return paint


def milliseconds(calls: dict[str, Callable[[], Any]], runs: int) -> dict[str, dict[str, float]]:
    """Median and quartiles of *runs* of each call, in turns, after one that is not counted."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(runs + 1):
        for name, call in calls.items():
            begun = time.perf_counter()
            call()
            if number:
                found[name].append(1000 * (time.perf_counter() - begun))
    return {name: _spread(times) for name, times in found.items()}


def parameters(bundle: Path) -> int:
    """How many the network of *bundle* has."""
    return int(json.loads((bundle / "report.json").read_text())["float_network"]["parameters"])


def _spread(times: list[float]) -> dict[str, float]:
    return dict(zip(("q1", "median", "q3"), np.percentile(times, (25, 50, 75)).round(2).tolist(), strict=True))


def measured(options: argparse.Namespace, data: Path) -> dict[str, Any]:
    """The record of the study."""
    recipe = Bundle.open(options.bundle).manifest.recipe
    files = {name: next(options.bundle.glob(f"*-{name}")) for name in ("int8.mlmodel", "dynamic.tflite")}
    encode = encoder(next(options.encoder.glob("*-int8.mlmodel")))
    theirs, ours = published(data.parent / "anchors" / PUBLISHED), painter(files["int8.mlmodel"])
    held = {path.name: path for folder in ("styles", "paintings") for path in list_images(data / folder)}
    photos = [
        fit(load_image(path), HEIGHT, WIDTH) for path in list_images(data / "content")[-20:][: options.photographs]
    ]

    def rows(names: Sequence[str], photos: Sequence[np.ndarray]) -> list[dict[str, Any]]:
        found = []
        for name in names:
            painting = load_photograph(held[name])
            judge, style = StyleJudge(weights, painting), encode(painting)
            references = judge.references(photos)
            made = {
                "photograph": photos,
                "published": [theirs(photo, painting) for photo in photos],
                "ours": [ours(photo, style) for photo in photos],
            }
            for model, pictures in made.items():
                distances = judge.mean_distances(pictures, references).model_dump()
                found.append({"painting": name, "model": model, **{key: distances[key] for key in COLUMNS}})
                print(found[-1], flush=True)
        return found

    weights, names = vgg19_weights(), recipe.train.hold_out_styles
    of_held_out, of_trained = rows(names, photos), rows(TRAINED, photos[:FEW])
    painting, photo = load_photograph(held[names[0]]), photos[0]
    style = encode(painting)
    paint = {name: painter(path) for name, path in files.items()}
    calls: dict[str, Callable[[], Any]] = {"published": lambda: theirs(photo, painting)}
    calls |= {name: (lambda one=one: one(photo, style)) for name, one in paint.items()}
    calls["encoder"] = lambda: encode(painting)
    sizes = {name: size_of(path).bytes for name, path in files.items()}
    sizes |= {
        f"encoder-{name}": size_of(next(options.encoder.glob(f"*-{name}"))).bytes
        for name in ("int8.mlmodel", "dynamic.tflite")
    }
    sizes["published"] = size_of(data.parent / "anchors" / PUBLISHED).bytes
    return {
        "machine": machine().model_dump(),
        "parameters": {"painter": parameters(options.bundle), "encoder": parameters(options.encoder)},
        "photographs": len(photos),
        "rows": of_held_out,
        "few": len(photos[:FEW]),
        "trained": of_trained,
        "milliseconds": milliseconds(calls, options.runs),
        "bytes": sizes,
    }


def sheet(options: argparse.Namespace, data: Path, names: tuple[str, ...]) -> np.ndarray:
    """Photographs that may be shown, the held-out paintings, and both networks: ``(H, W, 3)`` uint8."""
    encode = encoder(next(options.encoder.glob("*-int8.mlmodel")))
    theirs = published(data.parent / "anchors" / PUBLISHED)
    ours = painter(next(options.bundle.glob("*-int8.mlmodel")))
    held = {path.name: path for folder in ("styles", "paintings") for path in list_images(data / folder)}
    lines = []
    for name in names:
        painting = load_photograph(held[name])
        style, line = encode(painting), [Tile("style, not trained on", fit(painting, HEIGHT, WIDTH))]
        for shown in SHOWN:
            photo = fit(photographs()[shown], HEIGHT, WIDTH)
            line += [Tile("published", theirs(photo, painting)), Tile("ours, Core ML 8-bit", ours(photo, style))]
        lines.append(line)
    return laid_out(lines, tile_width=200, in_line=7)


def painted_sheet() -> np.ndarray:
    """What painted photographs are like, that some of the styles are made of: ``(H, W, 3)`` uint8."""
    lines = []
    for number, name in enumerate(SHOWN):
        photo = squared(photographs()[name], SIDE)
        made = [
            Tile(manner, paint(photo, np.random.default_rng(seed)))
            for manner, paint in MANNERS.items()
            for seed in (2 * number, 2 * number + 1)[: 2 if manner == "strokes" else 1]
        ]
        lines.append(made)
    return laid_out(lines, tile_width=160, in_line=7)


def main() -> None:
    """Measure, and write the record, the page and the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("artifacts/universal/painter"), metavar="FOLDER")
    parser.add_argument("--encoder", type=Path, default=Path("artifacts/universal/encoder"), metavar="FOLDER")
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/universal"), metavar="FOLDER")
    parser.add_argument("--photographs", type=int, default=20, metavar="N")
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N")
    options = parser.parse_args()
    given = os.environ.get("EXPORT_PIPELINE_DATA")
    if not given:
        parser.exit(2, "EXPORT_PIPELINE_DATA is not set; it names a folder with styles/ and paintings/. Set it.\n")
    options.output.mkdir(parents=True, exist_ok=True)
    record = measured(options, Path(given))
    write_text(options.output / "study.json", json.dumps(record, indent=1) + "\n")
    names = tuple(dict.fromkeys(row["painting"] for row in record["rows"]))
    with written_aside(options.output / "sheet.jpg") as aside:
        Image.fromarray(sheet(options, Path(given), names)).save(aside, "JPEG", quality=85)
    with written_aside(options.output / "painted.jpg") as aside:
        Image.fromarray(painted_sheet()).save(aside, "JPEG", quality=80)
    write_text(options.output / "README.md", page(record))


if __name__ == "__main__":
    main()
