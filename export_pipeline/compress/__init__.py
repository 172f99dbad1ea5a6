"""The compress stage: a Keras model in, a smaller one out.

:data:`STEPS` is what is done, in order, with the reason for its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from export_pipeline import models  # noqa: F401  # isort: skip - loads TensorFlow quietly
import tf_keras as keras

from export_pipeline.compress import cluster, fold, prune, quantize, structured
from export_pipeline.compress.bit_plan import BitPlan, read_plan
from export_pipeline.compress.compressed import Compressed
from export_pipeline.compress.importance import Importance, estimate_importance
from export_pipeline.compress.layers import compressible_layers, convolutions, require_known, require_left
from export_pipeline.compress.plan import make_plan, require_enough, require_whole
from export_pipeline.compress.tools import FineTune, Tools
from export_pipeline.recipe import CompressTable, Recipe
from export_pipeline.records.compression import Compression

__all__ = [
    "STEPS",
    "BitPlan",
    "Compressed",
    "FineTune",
    "Importance",
    "Step",
    "Tools",
    "check",
    "compress",
    "of_record",
    "plan_for",
]


@dataclass(frozen=True)
class Step:
    """One step of the stage. ``run`` gives a new value; where the recipe asks for nothing, it says so itself."""

    name: str
    run: Callable[[Compressed, Tools], Compressed]
    reason: str


STEPS = (
    Step(
        "structured",
        structured.run,
        "first, because the network is rebuilt: a filter that goes takes its zeros and its table with it",
    ),
    Step(
        "prune",
        prune.run,
        "before clustering, because it trains every weight, which would leave no table as it was",
    ),
    Step(
        "cluster",
        cluster.run,
        "after all that changes single weights: only tables and norms are trained from here on",
    ),
    Step(
        "quantize",
        quantize.run,
        "after pruning and clustering, whose zeros and tables it keeps: ranges must be of the weights that ship",
    ),
    Step(
        "fold",
        fold.run,
        "last, because it changes weights that training and checkpoints want as they were",
    ),
)


def compress(model: keras.Model, recipe: Recipe, tools: Tools, last: str = "fold") -> Compressed:
    """*model*, the network of *recipe*, made smaller as its ``[compress]`` says; *model* stays as it is.

    Args:
        last: the name of the step to stop after.

    Raises:
        RecipeError: the network has not as many filters or blocks as are to go, the plan leaves out a layer, or the
            bytes are too few.
        CheckFailed: a layer has fewer zeros or more values than asked for, or a measured metric is not finite.
    """
    now = Compressed(model, recipe)
    for step in STEPS:
        now = step.run(now, tools)
        if step.name == last:
            return now
    raise ValueError(f"no step {last!r}; allowed: {', '.join(step.name for step in STEPS)}")


def of_record(model: keras.Model, recipe: Recipe, record: Compression, plan: BitPlan | None) -> Compressed:
    """What :func:`compress` gave when it made *model*, the network of *recipe*, but for the steps that it took.

    Args:
        record: of what was done.
        plan: the bits of clustered kernels, if any are.
    """
    return fold.run(Compressed(model, recipe, record.rounds, 0, plan, record.layers, record.ranges))


def plan_for(pruned: Compressed, weight_bytes: int, tools: Tools) -> BitPlan:
    """The plan that errs least within *weight_bytes* for a network that ``compress(..., last="prune")`` gave.

    Raises:
        RecipeError: one bit for each weight is too much already.
    """
    importance = estimate_importance(pruned.model, pruned.recipe, tools)
    return make_plan(pruned.model, pruned.recipe, weight_bytes, importance, tools)


def check(model: keras.Model, table: CompressTable, plan: Path | None = None, weight_bytes: int | None = None) -> None:
    """Refuse what cannot be done to *model*, the network of a recipe before it is trained.

    Args:
        table: of the recipe.
        plan: the file with the bits of each layer, if there is one.
        weight_bytes: what the kernels are to fit into when they are clustered, if that is given. How many weights
            structured pruning leaves is known later: then it is looked at later.

    Raises:
        RecipeError: the network has not as many filters or blocks as are to go; a name or pattern matches no
            convolution, or only blocks that may go; the plan cannot be read or is not of this network; the bytes are
            too few.
    """
    names, settings = convolutions(model), table.structured
    require_known(table, names)
    structured.require_spare(model, settings)
    if table.quantize_aware:
        quantize.require_rules(model)
    left = structured.surely_left(model, settings)
    require_left(table, names, left)
    if plan is not None:
        # It need not name the blocks that may be gone, but may: with a limit on a metric, they may stay.
        require_whole(read_plan(plan, compressible_layers(table, names)), compressible_layers(table, left), plan)
    if weight_bytes is not None and not (settings.blocks or settings.rounds):
        require_enough(model, table, weight_bytes)
