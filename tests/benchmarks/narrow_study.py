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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export_pipeline import models  # noqa: F401 isort: skip - loads TensorFlow quietly
from export_pipeline.base.files import write_text
from export_pipeline.base.progress import Progress
from export_pipeline.compress import Tools
from export_pipeline.compress.structured import narrow
from export_pipeline.errors import PipelineError
from export_pipeline.recipe import ModelTable, Recipe, StyleTransferRecipe
from export_pipeline.records.compression import Round
from export_pipeline.report.machine import machine
from export_pipeline.stage_adapters import checked_task, compress_tools
from export_pipeline.tasks import Task
from export_pipeline.train import Checkpoint, Listener, train

RECIPE = Path("tests/benchmarks/narrow.toml")
HEADINGS = ("seed", "network", "parameters", "steps", *(metric.name for metric in StyleTransferRecipe.metrics))


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
    return base.model_copy(update=tables)


def tell(progress: Progress) -> None:
    """A line on stderr every hundred steps."""
    if progress.step % 100 == 0 or progress.step == progress.steps:
        print(f"{progress.stage} {progress.step}/{progress.steps}: {progress.losses['total']:.4f}", file=sys.stderr)


def study(task: Task, folder: Path) -> list[dict[str, Any]]:
    """Wide, pruned and from scratch: a row for each."""
    recipe, listener = task.recipe, Listener(tell)
    wide = train(task, folder / "wide", listener)
    tools = compress_tools(task, wide.checkpoint, folder, lambda line: None, listener)
    pruned, table, rounds = narrow(wide.model, recipe, tools.fine_tune, tools.evaluate)
    before = wide.checkpoint.info.step
    if recipe.train.warm_start:
        before += Checkpoint.open(recipe.path(recipe.train.warm_start)).info.step
    steps = before + sum(done.steps for done in rounds if done.status == "kept")
    plain = recipe.train.model_copy(update={"steps": steps, "warm_start": None})
    anew = task.with_recipe(recipe.model_copy(update={"model": table, "train": plain}))
    scratch = train(anew, folder / "scratch", listener)
    return [
        row("wide", wide.model, recipe.model, before, tools),
        row("pruned", pruned, table, steps, tools, rounds),
        row("from scratch", scratch.model, table, steps, tools),
    ]


def row(
    name: str, model: Any, table: ModelTable, steps: int, tools: Tools, rounds: tuple[Round, ...] = ()
) -> dict[str, Any]:
    """What the record says of one network; the metrics are those of the validation photographs."""
    return {
        "network": name,
        "model": table.model_dump(),
        "parameters": model.count_params(),
        "steps": steps,
        **tools.evaluate(model),
        "rounds": [done.model_dump() for done in rounds],
    }


def main(given: Sequence[str] | None = None) -> None:
    """Make the study with each seed, write the record and print its table."""
    chosen = arguments(given)
    rows = []
    try:
        for seed in chosen.seeds:
            task = checked_task(recipe_of(chosen, seed), to_train=True)
            folder = chosen.out.parent / f".{chosen.out.stem}.work" / f"seed-{seed}"
            rows += [{"seed": seed, **found} for found in study(task, folder)]
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
