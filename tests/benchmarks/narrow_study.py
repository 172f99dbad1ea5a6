"""A network pruned to fewer filters beside the same narrow network trained from scratch for as many steps.

``python -m tests.benchmarks.narrow_study -o record.json`` trains a wide network (or starts at a checkpoint), takes
residual blocks and filters out of it in rounds with fine-tuning, then trains a network of the widths that are left from
scratch for the steps of both together, and judges all three on the validation photographs of the recipe.

A study that was interrupted goes on where it was: its checkpoints lie in ``.record.work`` beside the record.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import models  # noqa: F401 isort: skip - loads TensorFlow quietly
from export_pipeline.records.rounds import Quality, Round

from export_pipeline.base.files import write_text
from export_pipeline.compress.structured import narrow
from export_pipeline.errors import PipelineError
from export_pipeline.formats import resize_to
from export_pipeline.perception.vgg_weights import vgg_weights
from export_pipeline.recipe import ModelTable, Recipe
from export_pipeline.report.machine import machine
from export_pipeline.train import (
    Checkpoint,
    Progress,
    Tuning,
    checked,
    fine_tune,
    read_inputs,
    style_image,
    train,
    validation_photographs,
)
from export_pipeline.verify import StyleJudge

RECIPE = Path("tests/benchmarks/narrow.toml")
HEADINGS = ("seed", "network", "parameters", "steps", "style distance", "content distance")
Judge = Callable[[Any], Quality]


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line; what it does not say is the recipe's."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.narrow_study", description=__doc__)
    parser.add_argument("-o", "--out", type=Path, required=True, help="the record to write, a .json file")
    parser.add_argument("--recipe", type=Path, default=RECIPE, help="style, photographs, losses, image size")
    parser.add_argument("--start", type=Path, help="checkpoint of the wide network, instead of training one")
    parser.add_argument("--alpha", type=float, default=0.5, help="width of the wide network that is trained")
    parser.add_argument("--steps", type=int, default=2000, help="training of the wide network")
    parser.add_argument("--blocks", type=int, default=0, help="residual blocks to take out")
    parser.add_argument("--rounds", type=int, default=4, help="rounds that take out filters")
    parser.add_argument("--filters", type=float, default=0.2, help="share of the filters that a round takes out")
    parser.add_argument("--criterion", choices=("l1", "norm_scale"), default="l1")
    parser.add_argument("--round-steps", type=int, default=500, help="fine-tuning in each round")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of the fine-tuning")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="the study is made once with each")
    return parser.parse_args(given)


def recipe_of(chosen: argparse.Namespace, seed: int) -> Recipe:
    """The recipe of the study: that of the file, with what the command line says."""
    base = Recipe.load(chosen.recipe)
    if chosen.start:
        model, steps, start = Checkpoint.open(chosen.start).info.recipe.model, 0, str(chosen.start.resolve())
    else:
        model, steps, start = base.model.model_copy(update={"alpha": chosen.alpha}), chosen.steps, None
    structured = base.compress.structured.model_copy(
        update={
            "blocks": chosen.blocks,
            "rounds": chosen.rounds,
            "filters": chosen.filters,
            "criterion": chosen.criterion,
            "steps": chosen.round_steps,
            "learning_rate": chosen.learning_rate,
        }
    )
    tables = {
        "seed": seed,
        "model": model,
        "train": base.train.model_copy(update={"steps": steps, "warm_start": start}),
        "compress": base.compress.model_copy(update={"structured": structured}),
    }
    # Parsed again: what the command line says is checked like what a recipe says.
    Recipe.parse(base.model_copy(update=tables).model_dump())
    return checked(base.model_copy(update=tables))


def judge_of(recipe: Recipe) -> Judge:
    """Mean distances of a network's outputs for the validation photographs at the size of the recipe."""
    judge = StyleJudge(vgg_weights(recipe), style_image(recipe))
    photographs = [resize_to(photograph, recipe.signature) for photograph in validation_photographs(recipe)]

    def measured(model: Any) -> Quality:
        found = judge.quality(model, photographs)
        return Quality(style_distance=found.style_distance, content_distance=found.content_distance)

    return measured


def tell(progress: Progress) -> None:
    """A line on stderr every hundred steps."""
    if progress.step % 100 == 0 or progress.step == progress.steps:
        print(f"{progress.stage} {progress.step}/{progress.steps}: {progress.losses['total']:.4f}", file=sys.stderr)


def study(recipe: Recipe, folder: Path, judge: Judge) -> list[dict[str, Any]]:
    """Wide, pruned and from scratch: a row for each."""
    inputs = read_inputs(recipe)
    wide, trained = train(recipe, folder / "wide", tell, inputs=inputs)

    def tune(model: Any, its_recipe: Recipe, part: str, steps: int, learning_rate: float) -> None:
        fine_tune(model, its_recipe, folder / part, trained, Tuning(part, steps, learning_rate), tell, inputs=inputs)

    pruned, table, rounds = narrow(wide, recipe, tune, judge)
    before = trained.info.step
    if recipe.train.warm_start:
        before += Checkpoint.open(recipe.path(recipe.train.warm_start)).info.step
    steps = before + sum(done.steps for done in rounds if done.status == "kept")
    plain = recipe.train.model_copy(update={"steps": steps, "warm_start": None})
    scratch, _ = train(recipe.model_copy(update={"model": table, "train": plain}), folder / "scratch", tell)
    return [
        row("wide", wide, recipe.model, before, judge),
        row("pruned", pruned, table, steps, judge, rounds),
        row("from scratch", scratch, table, steps, judge),
    ]


def row(
    name: str, model: Any, table: ModelTable, steps: int, judge: Judge, rounds: tuple[Round, ...] = ()
) -> dict[str, Any]:
    """What the record says of one network."""
    quality = judge(model)
    return {
        "network": name,
        "model": table.model_dump(),
        "parameters": model.count_params(),
        "steps": steps,
        "style distance": round(quality.style_distance, 6),
        "content distance": round(quality.content_distance, 6),
        "rounds": [done.model_dump() for done in rounds],
    }


def main(given: Sequence[str] | None = None) -> None:
    """Make the study with each seed, write the record and print its table."""
    chosen = arguments(given)
    rows = []
    try:
        for seed in chosen.seeds:
            recipe = recipe_of(chosen, seed)
            folder = chosen.out.parent / f".{chosen.out.stem}.work" / f"seed-{seed}"
            rows += [{"seed": seed, **found} for found in study(recipe, folder, judge_of(recipe))]
        settings = {name: value for name, value in vars(chosen).items() if name not in ("out", "recipe", "start")}
        record = {
            "machine": machine().model_dump(),
            "recipe": chosen.recipe.name,
            "start": str(chosen.start.name) if chosen.start else None,
            "settings": settings,
            "rows": rows,
        }
        write_text(chosen.out, json.dumps(record, indent=1, sort_keys=True, allow_nan=False) + "\n")
    except PipelineError as error:
        sys.exit(str(error))
    print(" | ".join(HEADINGS))
    for found in rows:
        print(" | ".join(str(found[heading]) for heading in HEADINGS))


if __name__ == "__main__":
    main()
