"""A plan: how many bits each convolution gets. A file that can be read and edited, or made for a number of bytes.

Layers differ in how much of the picture hangs on them. Each is clustered alone at each width, the error that this
makes in the output is measured, and the widths with the least sum of errors are chosen that fit into the bytes. That
errors add up is an assumption; the plan says what they come to together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tf_keras as keras

from export_pipeline.compress.bit_plan import WIDTHS, BitPlan, Choice, packed_bytes, read_plan
from export_pipeline.compress.importance import SAMPLES, Importance
from export_pipeline.compress.layers import compressible_layers, convolutions
from export_pipeline.compress.output_error import OutputError
from export_pipeline.compress.tools import Tools
from export_pipeline.errors import RecipeError
from export_pipeline.recipe import Recipe
from export_pipeline.recipe.compress import MOST_BITS, CompressTable


def require_whole(plan: BitPlan, names: Iterable[str], path: Path) -> None:
    """Refuse a plan that leaves out one of *names*.

    Raises:
        RecipeError: it names the layers.
    """
    if missing := [name for name in names if name not in plan.bits]:
        raise RecipeError(f"{path} has no bits for {', '.join(missing)}; add them, or leave them out in compress.skip")


def require_enough(model: keras.Model, table: CompressTable, budget: int) -> None:
    """Refuse a *budget* of bytes that no plan for *model*, trained or not, fits into.

    Raises:
        RecipeError: one bit for each weight is too much already.
    """
    least = sum(packed_bytes(size, min(WIDTHS)) for size in _sizes(model, table).values())
    if budget < least:
        raise RecipeError(f"{budget:,} bytes are too few for the weights: at 1 bit they take {least:,}. Give more.")


def _sizes(model: keras.Model, table: CompressTable) -> dict[str, int]:
    """Weights of each kernel of *model* that *table* has clustered, by layer name."""
    layers = convolutions(model)
    return {name: int(np.prod(layers[name].kernel.shape)) for name in compressible_layers(table, layers)}


def plan_bits(model: keras.Model, recipe: Recipe, importance: Importance, tools: Tools) -> BitPlan:
    """Bits of each kernel of *model* as *recipe*, which has kernels clustered, says.

    Raises:
        RecipeError: the plan leaves out a layer, or the bytes are too few.
    """
    table = recipe.compress
    names = compressible_layers(table, convolutions(model))
    if table.plan is not None:
        path = recipe.path(table.plan)
        plan = read_plan(path)
        require_whole(plan, names, path)
        return BitPlan({name: plan.bits[name] for name in names}, plan.text)
    if table.weight_bytes is not None:
        return make_plan(model, recipe, table.weight_bytes, importance, tools)
    assert table.bits is not None
    return BitPlan(dict.fromkeys(names, table.bits))


def make_plan(model: keras.Model, recipe: Recipe, budget: int, importance: Importance, tools: Tools) -> BitPlan:
    """The plan for *model*, the network of *recipe*, that errs least within *budget* bytes.

    Raises:
        RecipeError: one bit for each is too much already.
    """
    require_enough(model, recipe.compress, budget)
    sizes = _sizes(model, recipe.compress)
    names = tuple(sizes)
    costs = [[packed_bytes(sizes[name], bits) for bits in WIDTHS] for name in names]
    output_error = OutputError(model, tools.inputs(SAMPLES))
    errors = []
    for name in names:
        tools.say(f"plan: {name}, 1 to {MOST_BITS} bits")
        errors.append(output_error.by_width(name, importance))
    chosen = cheapest(costs, errors, budget)
    choices = tuple(
        Choice(name, sizes[name], WIDTHS[index], cost[index], error[index], error)
        for name, index, cost, error in zip(names, chosen, costs, errors, strict=True)
    )
    bits = {choice.name: choice.bits for choice in choices}
    together = output_error.together(bits, importance)
    return BitPlan(bits, _text(choices, budget, together), choices, budget, together)


def cheapest(costs: Sequence[Sequence[int]], errors: Sequence[Sequence[float]], budget: int) -> list[int]:
    """The option of each row with the least sum of errors whose costs sum to *budget* or less.

    Exact: the multiple-choice knapsack problem by dynamic programming over its undominated partial sums (Kellerer,
    Pferschy and Pisinger, "Knapsack Problems", 2004, chapter 11). *budget* must allow the least costs.
    """
    totals, sums = np.zeros(1, np.int64), np.zeros(1)
    spare = budget - sum(min(row) for row in costs)
    trail = []
    for cost, error in zip(costs, errors, strict=True):
        # Counted above the least cost, so that what is left always allows the rows to come.
        reached = (totals[:, None] + (np.asarray(cost) - min(cost))).ravel()
        summed = (sums[:, None] + np.asarray(error)).ravel()
        order = np.lexsort((summed, reached))
        order = order[reached[order] <= spare]
        best = np.minimum.accumulate(summed[order])
        kept = order[np.concatenate(([True], summed[order][1:] < best[:-1]))]
        totals, sums = reached[kept], summed[kept]
        trail.append(kept)
    place, chosen = len(sums) - 1, []
    for kept, cost in zip(reversed(trail), reversed(costs), strict=True):
        place, option = divmod(int(kept[place]), len(cost))
        chosen.append(option)
    return chosen[::-1]


def _text(choices: Sequence[Choice], budget: int, together: float) -> str:
    """The file: bits to be edited, and in its comments what was measured."""
    keys = [_key(choice.name) for choice in choices]
    width = max(map(len, keys))
    total, summed = sum(choice.bytes for choice in choices), sum(choice.error for choice in choices)
    lines = [
        "# Bits of each convolution: its kernel is clustered into 2^bits values, 1 to 8 bits. Edit them at will.",
        "# A recipe takes this file with `plan` in its table [compress]; bits not 1, 2, 4, 6 or 8 are stored as the",
        "# next of these in a Core ML program (3 bits are kept from iOS 18 on).",
        "#",
        f"# {total:,} of {budget:,} bytes: packed indices, and a table of 16-bit floats for each kernel.",
        "# error: mean squared error of the pictures, 0..255, against those of the network before it is clustered,",
        f"# with that layer alone clustered. Sum {summed:.4g}; all layers clustered together {together:.4g}.",
        "",
        "[bits]",
        f"{'# layer':<{width + 8}}{'weights':>11} {'bytes':>11} {'error':>11}",
    ]
    lines += [
        f"{key:<{width}} = {c.bits}  # {c.weights:>11,} {c.bytes:>11,} {c.error:>11.4g}"
        for key, c in zip(keys, choices, strict=True)
    ]
    lines += ["", "# error by bits", f"# {'layer':<{width}}" + "".join(f"{bits:>11}" for bits in WIDTHS)]
    lines += [
        f"# {key:<{width}}" + "".join(f"{error:>11.4g}" for error in choice.errors)
        for key, choice in zip(keys, choices, strict=True)
    ]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    """*name* as a key of TOML."""
    plain = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if plain else json.dumps(name, ensure_ascii=False)
