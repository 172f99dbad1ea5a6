"""Whitening and colouring beside the network of any style, and what both halves of its codec cost: ``make wctstudy``.

The same held-out photographs after the same paintings, that neither was trained on; one judge, the original VGG-19,
measures all. Time and peak memory are those of a fresh process on one core. ``README.md`` in the folder is drawn from
the record.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from export_pipeline import models  # noqa: F401 isort: skip - loads TensorFlow quietly
import numpy as np
from PIL import Image

from export_pipeline import coding
from export_pipeline.base.files import size, write_text, written_aside
from export_pipeline.base.images import fit, list_images, load_image, load_photograph
from export_pipeline.bundle import Bundle
from export_pipeline.coding.quantize import quantize
from export_pipeline.models.vgg import STAGES, kernel_shapes, needed_layers
from export_pipeline.perception.codec import RELEASED, Codec
from export_pipeline.perception.judge import StyleJudge
from export_pipeline.perception.loss_network import DISTILLED, distilled
from export_pipeline.perception.vgg_weights import vgg19_weights
from export_pipeline.report.machine import machine
from export_pipeline.report.sheet import Tile, laid_out
from export_pipeline.tasks.builtin import photographs
from export_pipeline.tasks.style_encoding import encode
from export_pipeline.universal.painter import Painter
from export_pipeline.universal.wct.paint import How, paint
from tests.benchmarks.universal_page import COLUMNS
from tests.benchmarks.universal_study import HEIGHT, PUBLISHED, SHOWN, WIDTH, published
from tests.benchmarks.wct_page import page

Painting = Callable[[np.ndarray, np.ndarray], np.ndarray]
LARGE = 3000
WCT = {"wct": How(), "wct, strength 0.6": How(strength=0.6), "wct from relu5_1": How(deepest="relu5_1")}


def painters(data: Path) -> dict[str, Painting]:
    """What is compared: a photograph and a painting to a picture, all uint8."""
    codec, any_style = Codec.open("distilled"), Painter.open()
    found: dict[str, Painting] = {
        "photograph": lambda photo, painting: photo,
        "adain, published": published(data.parent / "anchors" / PUBLISHED),
        "adain": lambda photo, painting: any_style.paint(photo, encode(painting)),
    }
    for name, how in WCT.items():
        found[name] = lambda photo, painting, how=how: paint(codec, photo, [painting], [1.0], how)  # type: ignore[misc]
    return found


def paintings_of(data: Path) -> dict[str, np.ndarray]:
    """The paintings that the network of any style was not trained on; the decoders saw none at all."""
    recipe = Bundle.open(Path("artifacts/universal/painter")).manifest.recipe
    held = {path.name: path for folder in ("styles", "paintings") for path in list_images(data / folder)}
    return {name: load_photograph(held[name]) for name in recipe.train.hold_out_styles}


def judged(data: Path, count: int) -> list[dict[str, Any]]:
    """Mean distances over *count* photographs, a row for each painting and painter."""
    photos = [fit(load_image(path), HEIGHT, WIDTH) for path in list_images(data / "content")[-20:][:count]]
    weights, rows = vgg19_weights(), []
    for painting_name, painting in paintings_of(data).items():
        judge = StyleJudge(weights, painting)
        references = judge.references(photos)
        for name, painter in painters(data).items():
            found = judge.mean_distances([painter(photo, painting) for photo in photos], references).model_dump()
            rows.append({"painting": painting_name, "model": name, **{key: found[key] for key in COLUMNS}})
            print(rows[-1], flush=True)
    return rows


def counts() -> dict[str, dict[str, float]]:
    """Of all five stages, an encoder and its decoder each: parameters, and multiply-accumulates at 3000x3000.

    A decoder has for each convolution of the encoder one with as many weights, at the same resolution, and a bias for
    each of its inputs.
    """
    shapes = {
        "VGG-19": kernel_shapes(),
        "distilled": {layer: pair[0].shape for layer, pair in distilled().weights.items()},
    }
    found = {}
    for name, kernels in shapes.items():
        parameters = operations = 0.0
        for tap in STAGES:
            for layer in needed_layers((tap,)):
                weights, side = int(np.prod(kernels[layer])), LARGE // 2 ** (int(layer[4]) - 1)
                parameters += 2 * weights + kernels[layer][2] + kernels[layer][3]
                operations += 2 * weights * side * side
        found[name] = {"parameters": parameters, "multiply_accumulates": operations, "float_bytes": 4 * parameters}
    found["distilled"]["bytes"] = encoder_bytes() + size(RELEASED["distilled"])
    return found


def encoder_bytes() -> int:
    """Bytes of the distilled encoder in 8 bits without its embeddings, which whitening and colouring has no use for."""
    arrays = {name: array for name, array in coding.read(DISTILLED).items() if not name.endswith("_embedding")}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "encoder.npz"
        np.savez(source, **arrays)  # type: ignore[arg-type]
        return quantize(source, 8).after.bytes


def run_large(side: int, encoder: str, decoders: Path | None) -> dict[str, float]:
    """Seconds and peak memory of a picture of *side* pixels square, in this process; first a small one, not counted."""
    photo, style = photographs()["coffee"], photographs()["china"]
    codec = Codec.open(encoder, decoders)
    paint(codec, fit(photo, 64, 64), [style], [1.0])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    large = fit(photo, side, side)
    begun = time.perf_counter()
    paint(codec, large, [style], [1.0])
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"side": side, "seconds": round(seconds, 1), "peak_bytes": 1024 * peak, "bytes_before": 1024 * before}


def large_in_a_fresh_process(side: int, encoder: str = "distilled", decoders: Path | None = None) -> dict[str, float]:
    """:func:`run_large` with one thread, on the first core that this process may use."""
    core = min(os.sched_getaffinity(0))
    command = ["taskset", "-c", str(core), sys.executable, "-m", "tests.benchmarks.wct_study", "--large", str(side)]
    command += ["--encoder", encoder, *(["--decoders", str(decoders)] if decoders else [])]
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env={**os.environ, **threads}, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def sheet(data: Path) -> np.ndarray:
    """Photographs that may be shown, after each painting by both methods: ``(H, W, 3)`` uint8."""
    every, lines = painters(data), []
    for painting in paintings_of(data).values():
        line = [Tile("style, not trained on", fit(painting, HEIGHT, WIDTH))]
        for shown in SHOWN:
            photo = fit(photographs()[shown], HEIGHT, WIDTH)
            line += [Tile(name, every[name](photo, painting)) for name in ("adain", "wct")]
        lines.append(line)
    return laid_out(lines, tile_width=200, in_line=7)


def main() -> None:
    """Measure, and write the record, the page and the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/universal/wct"), metavar="FOLDER")
    parser.add_argument("--photographs", type=int, default=4, metavar="N")
    parser.add_argument("--large", type=int, metavar="SIDE", help="only time one picture, and print what it took")
    parser.add_argument("--encoder", default="distilled", metavar="NAME", help="of that picture (default: distilled)")
    parser.add_argument("--decoders", type=Path, metavar="FILE", help="of that encoder")
    options = parser.parse_args()
    if options.large:
        print(json.dumps(run_large(options.large, options.encoder, options.decoders)))
        return
    given = os.environ.get("EXPORT_PIPELINE_DATA")
    if not given:
        parser.exit(2, "EXPORT_PIPELINE_DATA is not set; it names a folder with styles/ and paintings/. Set it.\n")
    options.output.mkdir(parents=True, exist_ok=True)
    record = {
        "machine": machine().model_dump(),
        "photographs": options.photographs,
        "decoders": json.loads(RELEASED["distilled"].with_suffix(".json").read_text()),
        "counts": counts(),
        "large": large_in_a_fresh_process(LARGE),
        "rows": judged(Path(given), options.photographs),
    }
    record["decoders"].pop("log")  # which lies beside the decoders
    write_text(options.output / "study.json", json.dumps(record, indent=1) + "\n")
    with written_aside(options.output / "sheet.jpg") as aside:
        Image.fromarray(sheet(Path(given))).save(aside, "JPEG", quality=85)
    write_text(options.output / "README.md", page(record))


if __name__ == "__main__":
    main()
