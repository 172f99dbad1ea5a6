"""What the teacher's decoders are worth to a student: ``make collaborationstudy``.

Wang et al., "Collaborative Distillation for Ultra-Resolution Universal Style Transfer", CVPR 2020. Decoders of VGG-19
are trained; the distilled network that comes along goes on with the embedding alone, with the collaborator alone, and
with both, on the same crops; and each encoder gets decoders of its own. Then each pair paints the same photographs
after the same paintings by whitening and colouring, and VGG-19, the original, judges, as Table 2 of the paper does.

All trainings go on where they were interrupted; what is finished lies in the work folder and is not made anew.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline import models  # noqa: F401 isort: skip - loads TensorFlow quietly
from PIL import Image

from export_pipeline.base.files import write_text, written_aside
from export_pipeline.base.images import fit, load_image
from export_pipeline.distill import Distilled, distill
from export_pipeline.errors import PipelineError, UsageError
from export_pipeline.gatys.optimize import Optimization
from export_pipeline.models.vgg import STAGES
from export_pipeline.perception.codec import Codec
from export_pipeline.perception.loss_network import named_loss_network
from export_pipeline.recipe.distill import DistillRecipe
from export_pipeline.report.machine import machine
from export_pipeline.report.sheet import Tile, laid_out
from export_pipeline.universal.wct.decoders import material, plan, train_decoders, training_of
from export_pipeline.universal.wct.paint import How, paint
from export_pipeline.universal.wct.record import Decoders
from tests.benchmarks.collaboration_page import ENCODERS, page
from tests.benchmarks.distilled_study import SLIMMED, Entry, Judge, Pair, mean_of, painted, pairs, shown_pairs
from tests.benchmarks.wct_study import large_in_a_fresh_process

FOLDER, WORK = Path("artifacts/universal/collaboration"), Path("runs/collaboration")
SLIMMED_FILE = Path("artifacts/loss_network") / SLIMMED
TAPS = STAGES[:4]  # as whitening and colouring begins at relu4_1
RATES = {"vgg19": 7e-4}  # of decoders that begin as narrower ones; too large a rate would forget those
SIDE = 256
RECIPE = """\
start = "distilled"
seed = 1
width = 0.25
content = "$EXPORT_PIPELINE_DATA/photographs"
paintings = "$EXPORT_PIPELINE_DATA/styles"
hold_out = 20
edges = "repeated"
learning_rate = 0.0005
checkpoint_every = 50
{decoders}
[[phases]]
crop = 128
batch_size = 4
steps = {steps}
embedding_weight = {embedding}
collaborator_weight = {collaborator}
"""
LOSSES = {"embedding": (1.0, 0.0), "collaborator": (0.0, 1.0), "both": (1.0, 1.0)}
# Networks that pictures are optimized on, and how often their losses are evaluated. 60 times on VGG-19 take longer than
# 200 on the others. `stylize --method gatys` makes 200 iterations, each of one evaluation or two.
GATYS = (("vgg19", 60), ("distilled", 60), ("both", 60), ("distilled", 200), ("both", 200))
METHODS = {"wct": How(), "adain": How(diagonal=True)}
TIMED = ("vgg19", "distilled")
LARGE = 3000  # side of the picture that is timed, pixels


@dataclass(frozen=True)
class Trainings:
    """The encoders and decoders of the study, in *work*; *share* is of the steps."""

    work: Path
    data: Path
    share: float
    steps: int
    say: Callable[[str], None]

    def encoder(self, name: str) -> str:
        """The encoder *name* as ``named_loss_network`` takes it, trained if it is one of :data:`LOSSES`."""
        if name not in LOSSES:
            return str(SLIMMED_FILE) if name == "slimmed" else name
        path = self.work / f"{name}.weights"
        if path.with_suffix(".json").is_file():
            made = Distilled.model_validate_json(path.with_suffix(".json").read_text())
            self._check(path, made.recipe.steps, self.steps)
        else:
            embedding, collaborator = LOSSES[name]
            decoders = f'decoders = "{self.decoders("vgg19").name}"' if collaborator else ""
            numbers = {"steps": self.steps, "embedding": embedding, "collaborator": collaborator}
            recipe = self.work / f"{name}.toml"
            write_text(recipe, RECIPE.format(decoders=decoders, **numbers))
            distill(DistillRecipe.load(recipe), path, say=self.say)
        return str(path)

    def decoders(self, name: str) -> Path:
        """The file of the decoders of the encoder *name*, trained if they are not there."""
        path, phases = self.work / f"{name}_decoders.weights", plan(self.share, TAPS)
        if path.with_suffix(".json").is_file():
            made = Decoders.model_validate_json(path.with_suffix(".json").read_text())
            self._check(path, made.training.phases, phases)
        else:
            network, start = named_loss_network(self.encoder(name)), Codec.open("distilled")
            photographs, held = material([self.data / "photographs", self.data / "content"], 20)
            given = {"start_sha256": start.sha256, "learning_rate": RATES.get(name, 1e-3)}
            training = training_of(name, network, photographs, phases, **given)
            train_decoders(network, training, photographs, held, path, start=start, bits=8, say=self.say)
        return path

    @staticmethod
    def _check(path: Path, there: object, wanted: object) -> None:
        if there != wanted:
            raise UsageError(f"{path} was trained for other numbers of steps. Give those, or delete it.")

    def pair(self, name: str) -> tuple[str, Path]:
        """The encoder and the decoders of *name*."""
        return self.encoder(name), self.decoders(name)


def judged(codecs: dict[str, Codec], chosen: Sequence[Pair], how: How) -> dict[str, list[dict[str, Any]]]:
    """Rows by encoder: the distances of each pair's picture."""
    judge, rows = Judge(), {name: [] for name in codecs}  # type: dict[str, list[dict[str, Any]]]
    for pair in chosen:
        for name, codec in codecs.items():
            picture = paint(codec, pair.photo, [pair.painting], [1.0], how)
            rows[name].append({"photograph": pair.photograph, "style": pair.style, **judge.judged(picture, pair)})
        print(pair.photograph, pair.style, {name: round(rows[name][-1]["style_distance"], 3) for name in codecs})
    return rows


def optimized(encoder: Callable[[str], str], chosen: Sequence[Pair], work: Path) -> list[dict[str, Any]]:
    """Means of the distances of pictures by optimization, a row for each of :data:`GATYS`, in turns.

    *encoder* gives the name or file of a network as ``named_loss_network`` takes it.
    """
    networks = {name: named_loss_network(encoder(name)) for name, _ in GATYS}
    judge = Judge()
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {one: [] for one in GATYS}
    for number, pair in enumerate(chosen, 1):
        for name, evaluations in GATYS:
            entry = Entry(name, networks[name].sha256, networks[name])
            how = Optimization(iterations=evaluations, evaluations=evaluations)
            made = painted(entry, pair, how, work / "optimized")
            rows[name, evaluations].append({**made, **judge.judged(load_image(made.pop("picture")), pair)})
        newest = {f"{name} {count}": round(rows[name, count][-1]["style_distance"], 3) for name, count in GATYS}
        print(f"by optimization {number} of {len(chosen)}: {pair.photograph} {pair.style} {newest}", flush=True)
    return [{"network": name, "evaluations": count, **mean_of(rows[name, count])} for name, count in GATYS]


def means(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of the distances of *rows*, which have no seconds."""
    found = mean_of([{**row, "seconds": 0.0} for row in rows])
    found.pop("seconds")
    return found


def sheet(codecs: dict[str, Codec], data: Path) -> np.ndarray:
    """Photographs that may be shown, each after a painting by every pair: ``(H, W, 3)`` uint8."""
    lines = []
    for pair in shown_pairs(data, SIDE):
        line = [Tile(pair.photograph, pair.photo), Tile(pair.style, fit(pair.painting, SIDE, SIDE))]
        made = {name: paint(codec, pair.photo, [pair.painting], [1.0]) for name, codec in codecs.items()}
        lines.append([*line, *(Tile(ENCODERS[name], picture) for name, picture in made.items())])
    return laid_out(lines, tile_width=SIDE, in_line=2 + len(codecs))


def about(trainings: Trainings, name: str) -> dict[str, Any]:
    """What the trainings of *name* came to: how well its decoders rebuild, and the end of its own log."""
    decoders = Decoders.model_validate_json(trainings.decoders(name).with_suffix(".json").read_text())
    steps = {tap: sum(phase.steps for phase in phases) for tap, phases in decoders.training.phases.items()}
    found: dict[str, Any] = {"psnr": decoders.psnr, "decoder_steps": steps}
    if name in LOSSES:
        record = json.loads((trainings.work / f"{name}.json").read_text())
        found |= {"errors": record["student"]["errors"], "rebuilt": record["log"][-1].get("rebuilt", {})}
    return found


def committed(output: Path, name: str) -> str:
    """The encoder *name* as ``named_loss_network`` takes it, as it lies beside the page."""
    return str(output / f"{name}.weights") if name in LOSSES else name


def written(output: Path, record: dict[str, Any]) -> None:
    """The record and its page, in *output*."""
    write_text(output / "study.json", json.dumps(record, indent=1) + "\n")
    write_text(output / "README.md", page(record))


def main() -> None:
    """Train what is missing, measure, and write the record, the page and the sheet."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.collaboration_study", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, metavar="FOLDER", help=f"(default: {FOLDER})")
    parser.add_argument("--work", type=Path, default=WORK, metavar="FOLDER", help=f"of trainings (default: {WORK})")
    parser.add_argument("--share", type=float, default=0.2, help="of the steps of decoders (default: 0.2)")
    parser.add_argument("--steps", type=int, default=300, help="of each distillation (default: 300)")
    parser.add_argument("--pairs", type=int, choices=range(1, 21), default=20, metavar="N", help="(default: 20)")
    parser.add_argument("--train-only", metavar="NAME", choices=tuple(ENCODERS), help="one pair, and stop then")
    parser.add_argument("--optimized-only", action="store_true", help="measure pictures by optimization alone")
    options = parser.parse_args()
    given = os.environ.get("EXPORT_PIPELINE_DATA")
    if not given:
        parser.exit(2, "EXPORT_PIPELINE_DATA names no folder with content/, photographs/ and styles/. Set it.\n")
    data = Path(given)
    options.work.mkdir(parents=True, exist_ok=True)
    trainings = Trainings(options.work, data, options.share, options.steps, lambda line: print(line, flush=True))
    try:
        if options.train_only:
            trainings.decoders(options.train_only)
            return
        if options.optimized_only:
            record = json.loads((options.output / "study.json").read_text())
            chosen = pairs(data, record["pairs"], SIDE)
            record["optimized"] = optimized(lambda name: committed(options.output, name), chosen, options.work)
            written(options.output, record)
            return
        codecs = {name: Codec.open(*trainings.pair(name)) for name in ENCODERS}
        chosen = pairs(data, options.pairs, SIDE)
        rows = {method: judged(codecs, chosen, how) for method, how in METHODS.items()}
        measured = {
            name: {**about(trainings, name), "means": {method: means(found[name]) for method, found in rows.items()}}
            for name in ENCODERS
        }
        record = {
            "machine": machine().model_dump(),
            "pairs": len(chosen),
            "side": SIDE,
            "steps": options.steps,
            "encoders": measured,
            "optimized": optimized(trainings.encoder, chosen, options.work),
            "large": {name: large_in_a_fresh_process(LARGE, *trainings.pair(name)) for name in TIMED},
            "rows": rows,
        }
        picture = sheet(codecs, data)
    except PipelineError as error:
        sys.exit(str(error))
    options.output.mkdir(parents=True, exist_ok=True)
    with written_aside(options.output / "sheet.jpg") as aside:
        Image.fromarray(picture).save(aside, "JPEG", quality=85)
    written(options.output, record)


if __name__ == "__main__":
    main()
