"""What the distilled loss network costs and what it is worth, beside the original: ``make distilledstudy``.

Photographs are stylized by optimization (Gatys et al., 2016) on the original VGG-19, on the distilled network, and on
one of the same size that was trained without embeddings ("FP-slimmed"; Wang et al., CVPR 2020). The original judges all
of the pictures. Beside that: parameters, bytes, multiply-accumulates and time of the original and of the distilled.

Photographs and paintings are those of ``$EXPORT_PIPELINE_DATA``; the pictures that are shown are of photographs that
are built in. Pictures that an interrupted study has made lie in ``.study`` of the output folder, by the weights that
made them, and are not made anew.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline import models  # noqa: F401 isort: skip - loads TensorFlow quietly
from PIL import Image

from export_pipeline.base.cores import cores
from export_pipeline.base.files import sha256, write_text, written_aside
from export_pipeline.base.images import fit, list_images, load_image, save_image
from export_pipeline.errors import PipelineError
from export_pipeline.gatys.optimize import Optimization, stylize
from export_pipeline.models.vgg import STAGES, vgg19
from export_pipeline.perception.distances import relative
from export_pipeline.perception.judge import STYLE_SIDE, StyleJudge
from export_pipeline.perception.loss_network import DISTILLED, LossNetwork, distilled
from export_pipeline.perception.statistics import gram
from export_pipeline.perception.vgg_weights import vgg19_weights
from export_pipeline.recipe import StyleTransferRecipe
from export_pipeline.report.machine import machine
from export_pipeline.report.sheet import Tile, laid_out
from export_pipeline.tasks import builtin
from tests.benchmarks import distilled_page
from tests.benchmarks.distilled_page import TITLES
from tests.benchmarks.network_cost import costs

FOLDER = Path("artifacts/loss_network")
SHOWN = ("astronaut", "coffee", "china")  # built in, so that the sheet may be shown
RECORD, SHEET, WORK = "study.json", "study.jpg", ".study"
SLIMMED = "distilled-slimmed.weights"


@dataclass(frozen=True)
class Pair:
    """A photograph and a painting with their names; ``(H, W, 3)`` uint8."""

    photograph: str
    style: str
    photo: np.ndarray
    painting: np.ndarray


def shown_pairs(data: Path, side: int) -> list[Pair]:
    """Photographs that are built in, each with a painting."""
    paintings = [(path.stem, load_image(path)) for path in list_images(data / "styles")]
    chosen = zip(SHOWN, itertools.cycle(paintings), strict=False)
    return [Pair(name, style, fit(builtin.photographs()[name], side, side), image) for name, (style, image) in chosen]


@dataclass(frozen=True)
class Entry:
    """A loss network of the study; *key* tells its weights from others. One without network was not to be had."""

    name: str
    key: str = ""
    network: LossNetwork | None = None
    reason: str = ""


def pairs(data: Path, count: int, side: int) -> list[Pair]:
    """The last *count* photographs by name, and the paintings in turn."""
    paintings = {path.stem: load_image(path) for path in list_images(data / "styles")}
    names = list(paintings)
    found = []
    for index, path in enumerate(list_images(data / "content")[-count:]):
        style = names[index % len(names)]
        found.append(Pair(path.stem, style, fit(load_image(path), side, side), paintings[style]))
    return found


def entries(slimmed: Path) -> list[Entry]:
    """The networks; the baseline may be missing."""
    found = [
        Entry("vgg19", "original", LossNetwork(vgg19_weights())),
        Entry("distilled", sha256(DISTILLED), distilled()),
    ]
    if not slimmed.is_file():
        return [*found, Entry("slimmed", reason=f"there is no {slimmed.name}; it is made together with the distilled")]
    return [*found, Entry("slimmed", sha256(slimmed), distilled(slimmed))]


class Judge:
    """The original VGG-19: the distances of reports, and those of Gram matrices stage by stage up to relu5_1."""

    def __init__(self) -> None:
        self._weights = vgg19_weights()
        self._network = vgg19(self._weights, STAGES)
        self._styles: dict[str, tuple[StyleJudge, list[Any]]] = {}

    def judged(self, picture: np.ndarray, pair: Pair) -> dict[str, Any]:
        """Distance at each stage, plain (``||G(y) - G(s)||_2``) and relative; and the distances of reports."""
        if pair.style not in self._styles:
            square = Image.fromarray(pair.painting).resize((STYLE_SIDE, STYLE_SIDE), Image.Resampling.LANCZOS)
            self._styles[pair.style] = StyleJudge(self._weights, pair.painting), self._grams(np.asarray(square))
        judge, style = self._styles[pair.style]
        stages = dict(zip(STAGES, zip(self._grams(picture), style, strict=True), strict=True))
        return {
            "plain": {stage: float(np.linalg.norm(made - wanted)) for stage, (made, wanted) in stages.items()},
            "relative": {stage: float(relative(made - wanted, wanted)[0]) for stage, (made, wanted) in stages.items()},
            **judge.distances(picture, judge.reference(pair.photo)).model_dump(),
        }

    def _grams(self, image: np.ndarray) -> list[Any]:
        return [gram(features) for features in self._network(image.astype(np.float32)[None], training=False)]


def painted(entry: Entry, pair: Pair, how: Optimization, work: Path) -> dict[str, Any]:
    """Make a picture, or take the one that lies there: where it lies, and what it took."""
    folder = work / f"{entry.name}-{entry.key[:12]}-{how.evaluations}-{pair.photo.shape[0]}"
    picture, record = (folder / f"{pair.photograph}-{pair.style}{suffix}" for suffix in (".png", ".json"))
    if not record.is_file() or "processors" not in json.loads(record.read_text()):
        assert entry.network is not None
        begun = time.perf_counter()
        made = stylize(pair.photo, [pair.painting], entry.network, how)
        seconds = time.perf_counter() - begun
        save_image(picture, made.picture)
        took = {"seconds": round(seconds, 3), "processors": cores(), "evaluations": made.evaluations}
        write_text(record, json.dumps(took))
    return {"picture": picture, **json.loads(record.read_text())}


def stylized(
    networks: Sequence[Entry], chosen: Sequence[Pair], how: Optimization, work: Path
) -> Iterator[dict[str, dict[str, Any]]]:
    """Rows by network for each pair, the networks in turns."""
    judge = Judge()
    for number, pair in enumerate(chosen, 1):
        rows: dict[str, dict[str, Any]] = {}
        for entry in networks:
            if entry.network is None:
                continue
            made = painted(entry, pair, how, work)
            judged = judge.judged(load_image(made.pop("picture")), pair)
            rows[entry.name] = {"photograph": pair.photograph, "style": pair.style, **made, **judged}
        found = "  ".join(f"{name} {row['covariance_distance']:.4f}" for name, row in rows.items())
        print(f"pair {number} of {len(chosen)}: {pair.photograph} after {pair.style}  {found}", flush=True)
        yield rows


def mean_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The means of the distances and seconds of *rows*."""
    names = (*(metric.name for metric in StyleTransferRecipe.metrics), "seconds")
    means: dict[str, Any] = {name: float(np.mean([row[name] for row in rows])) for name in names}
    for kind in ("plain", "relative"):
        means[kind] = {stage: float(np.mean([row[kind][stage] for row in rows])) for stage in STAGES}
    return means


def sheet(path: Path, networks: Sequence[Entry], chosen: Sequence[Pair], how: Optimization, work: Path) -> None:
    """Photo, painting and the pictures by each network, side by side."""
    blocks = []
    for pair in chosen:
        shown = {pair.photograph: pair.photo, pair.style: fit(pair.painting, *pair.photo.shape[:2])}
        for entry in networks:
            if entry.network is not None:
                shown[TITLES[entry.name]] = load_image(painted(entry, pair, how, work)["picture"])
        blocks.append([Tile(caption, image) for caption, image in shown.items()])
    with written_aside(path) as aside:
        Image.fromarray(laid_out(blocks)).save(aside, quality=80, optimize=True)


def study(options: argparse.Namespace, data: Path) -> dict[str, Any]:
    """The record; the sheet is written beside it."""
    work = options.output / WORK
    chosen = pairs(data, options.pairs, options.side)
    networks = entries(options.slimmed)
    sizes = {256: options.runs} if options.no_large else {256: options.runs, 3000: options.large_runs}
    measured = costs(networks[0].network, networks[1].network, DISTILLED, sizes)
    how = Optimization(iterations=options.evaluations, evaluations=options.evaluations)
    rows = list(stylized(networks, chosen, how, work))
    sheet(options.output / SHEET, networks, shown_pairs(data, options.side), how, work)
    found = []
    for entry in networks:
        about: dict[str, Any] = {"name": entry.name, "weights": entry.key, "reason": entry.reason}
        if entry.network is not None:
            own = [row[entry.name] for row in rows]
            about |= {"means": mean_of(own), "pairs": own}
        found.append(about)
    about = machine().model_dump()
    about["libraries"]["scipy"] = version("scipy")
    settings = {"pairs": len(chosen), "side": options.side, "evaluations": options.evaluations}
    return {"machine": about, **settings, "costs": measured, "networks": found}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.distilled_study", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, metavar="FOLDER", help=f"(default: {FOLDER})")
    parser.add_argument("--slimmed", type=Path, help=f"the baseline (default: {SLIMMED} in FOLDER)")
    parser.add_argument("--pairs", type=int, default=20, help="photographs (default: 20)")
    parser.add_argument("--evaluations", type=int, default=60, help="of the loss, for each picture (default: 60)")
    parser.add_argument("--side", type=int, default=256, help="of the pictures, pixels (default: 256)")
    parser.add_argument("--runs", type=int, default=30, help="timed runs at 256x256 (default: 30)")
    parser.add_argument("--large-runs", type=int, default=3, help="timed runs at 3000x3000 (default: 3)")
    parser.add_argument("--no-large", action="store_true", help="leave out 3000x3000, which takes 20 GiB of memory")
    parser.add_argument("--draw-only", action="store_true", help="measure nothing, draw the record that is there")
    options = parser.parse_args()
    options.slimmed = options.slimmed or options.output / SLIMMED
    for name in ("pairs", "evaluations", "side", "runs", "large_runs"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} is {getattr(options, name)}; it must be 1 or more")
    return options


def main() -> None:
    """Write ``study.json``, ``study.jpg`` and ``README.md`` into the folder."""
    options = arguments()
    record = options.output / RECORD
    if not options.draw_only:
        data = os.environ.get("EXPORT_PIPELINE_DATA")
        if not data:
            sys.exit("EXPORT_PIPELINE_DATA names no folder with content/ and styles/")
        try:
            found = study(options, Path(data))
        except (PipelineError, OSError) as error:
            sys.exit(str(error))
        write_text(record, json.dumps(found, indent=1) + "\n")
    if not record.is_file():
        sys.exit(f"there is no {record}; run without --draw-only")
    print(distilled_page.draw(options.output))


if __name__ == "__main__":
    main()
