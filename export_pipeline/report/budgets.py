"""Budgets of the recipe against what was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from export_pipeline.recipe import Recipe
from export_pipeline.records.contents import Contents
from export_pipeline.records.parity import ParityResult
from export_pipeline.report.model import Benchmark, BudgetResult, FileRecord, Spread

Rule = Literal["most", "least"]
# Whether a value must be at most or at least its budget. The task's metrics say it of themselves.
RULES: dict[str, Rule] = {
    "bytes": "most",
    "deflated_bytes": "most",
    "ssim": "least",
    "fps_ratio": "least",
    "peak_memory_bytes": "most",
}
ON_FILES = ("bytes", "deflated_bytes", "ssim")
ON_MACHINE = ("fps_ratio", "peak_memory_bytes")
# Checks that no recipe asks for: what was pruned brings them along.
ADDED = ("nonzero_share",)


@dataclass(frozen=True)
class Value:
    """A measured value, or why there is none; ``spread`` where it was measured again and again."""

    measured: float | None
    missing: str = "it was not measured"
    spread: Spread | None = None


def file_budgets(
    recipe: Recipe, files: Sequence[FileRecord], parity: Sequence[ParityResult]
) -> tuple[BudgetResult, ...]:
    """Rows for the budgets on size and quality."""
    by_target = {row.target: row for row in files}
    judged = {row.target: row for row in parity}

    def value(target: str, what: str) -> Value:
        if target not in by_target:
            return _not_exported(target)
        if what in ("bytes", "deflated_bytes"):
            return Value(getattr(by_target[target].size, what))
        row = judged.get(target)
        if row is None:
            return Value(None, "it was not verified")
        if what == "ssim":
            return Value(row.ssim, row.reason or "it is not a number")
        return Value(row.metric(what), row.quality_reason or "it is not a number")

    return _rows(recipe, (*ON_FILES, *(metric.name for metric in recipe.metrics if metric.has_limits)), value)


def sparsity_kept(recipe: Recipe, float_network: Contents, files: Sequence[FileRecord]) -> tuple[BudgetResult, ...]:
    """Rows that demand of a pruned network's files to have the zeros of the network; 8 bits may add some."""
    if not recipe.compress.prunes or float_network.nonzero_share is None:
        return ()
    limit, missing = float_network.nonzero_share, "no convolution kernel was found in the file"
    rows = []
    for file in files:
        row = judge(file.target, "nonzero_share", "most", limit, Value(file.contents.nonzero_share, missing))
        lost = _fuller_kernels(float_network, file.contents)
        if lost and row.status == "passed":
            row = row.model_copy(update={"status": "failed", "reason": lost})
        rows.append(row)
    return tuple(rows)


def _fuller_kernels(network: Contents, file: Contents) -> str:
    """Where kernels of the file have more nonzero weights than the network's, in words; names differ, sizes do not.

    Kernels of one size are compared in the order of their nonzero weights: one of the file that has lost zeros
    stands out wherever it lies. Nothing is said of sizes that a converter has joined or split.
    """
    wanted, found = _nonzero_by_size(network), _nonzero_by_size(file)
    fuller = [
        f"a kernel of {size:,} weights has {has:,} nonzero ones instead of {should:,}"
        for size, counts in wanted.items()
        if len(found.get(size, ())) == len(counts)
        for should, has in zip(counts, found[size], strict=True)
        if has > should
    ]
    return "; ".join(fuller)


def _nonzero_by_size(contents: Contents) -> dict[int, list[int]]:
    """Nonzero weights of each convolution kernel, ascending, by the size of the kernel."""
    found: dict[int, list[int]] = {}
    for weight in contents.weights:
        if weight.convolution:
            found.setdefault(weight.parameters, []).append(round(weight.nonzero_share * weight.parameters))
    return {size: sorted(counts) for size, counts in found.items()}


def machine_budgets(recipe: Recipe, files: Mapping[str, str], benchmark: Benchmark) -> tuple[BudgetResult, ...]:
    """Rows for the budgets on speed and memory; *files* are names of rows of the benchmark, by target."""

    def value(target: str, what: str) -> Value:
        if target not in files:
            return _not_exported(target)
        file = files[target]
        reason = benchmark.skipped.get(file) or benchmark.skipped.get(benchmark.float_file) or "it was not measured"
        if what == "fps_ratio":
            return Value(benchmark.fps_ratio(file), reason, benchmark.fps_spread(file))
        memory = benchmark.memory_of(file)
        return Value(memory.peak_bytes if memory else None, reason)

    return _rows(recipe, ON_MACHINE, value)


def speed_limits(recipe: Recipe, paths: Mapping[str, str]) -> dict[str, float]:
    """The least FPS ratio of each of *paths*, which go by target, that has such a budget."""
    budgets = recipe.report.budgets.items()
    return {paths[target]: row.fps_ratio for target, row in budgets if target in paths and row.fps_ratio is not None}


def judge(target: str, what: str, rule: Rule, limit: float, value: Value) -> BudgetResult:
    """One row. What was not measured is skipped, with its reason; what is not a number fails.

    What scatters more than it is off its limit is noisy: measured once more, it might be on the other side.
    """
    about = {"target": target, "what": what, "rule": rule, "limit": limit}
    measured = value.measured
    if measured is None:
        return BudgetResult(**about, measured=None, status="skipped", reason=value.missing)
    if not math.isfinite(measured):
        return BudgetResult(**about, measured=None, status="failed", reason="it is not a finite number")
    if value.spread is not None and not value.spread.clear_of(limit):
        return BudgetResult(**about, measured=measured, status="noisy", reason=_noisy(value.spread, limit))
    if measured <= limit if rule == "most" else measured >= limit:
        return BudgetResult(**about, measured=measured, status="passed")
    side = "over" if rule == "most" else "under"
    gap = abs(measured - limit)
    off = f"{measured:,.10g} is {gap:,.6g} ({gap / limit:.1%}) {side} {limit:,.10g}"
    return BudgetResult(**about, measured=measured, status="failed", reason=off)


def _noisy(spread: Spread, limit: float) -> str:
    """Why a measurement decides nothing, in words."""
    gap = abs(spread.median - limit)
    return (
        f"{spread.median:,.4g} is {gap:,.3g} from {limit:,.4g}, but the interquartile range is {spread.iqr:,.3g} "
        f"({spread.low:,.4g} to {spread.high:,.4g})"
    )


def _rows(recipe: Recipe, names: Sequence[str], value: Callable[[str, str], Value]) -> tuple[BudgetResult, ...]:
    rules = RULES | {metric.name: metric.rule for metric in recipe.metrics if metric.has_limits}
    return tuple(
        judge(target, what, rules[what], limit, value(target, what))
        for target, budget in recipe.report.budgets.items()
        for what in names
        if (limit := budget.limits.get(what, getattr(budget, what, None))) is not None
    )


def _not_exported(target: str) -> Value:
    return Value(None, f"the recipe does not export {target}")
