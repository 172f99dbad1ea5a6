"""Limits against the last release: ``[report.regression]`` of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from export_pipeline.errors import ModelError
from export_pipeline.recipe import Recipe, RegressionTable
from export_pipeline.records.metric import Metric
from export_pipeline.records.parity import ParityResult
from export_pipeline.records.signature import Port, Signature
from export_pipeline.report.budgets import Rule, Value, judge
from export_pipeline.report.latency import measure
from export_pipeline.report.memory import peak_memory
from export_pipeline.report.model import BudgetResult, FileRecord, Spread
from export_pipeline.report.release import Release

BYTES = ("bytes", "deflated_bytes")
LATENCY, MEMORY = "latency", "peak_memory_bytes"


def file_regressions(
    recipe: Recipe, old: Release, files: Sequence[FileRecord], parity: Sequence[ParityResult]
) -> tuple[BudgetResult, ...]:
    """Rows for what is the same whenever it is made from the same files: size, quality, signatures, targets.

    Args:
        recipe: its ``[report.regression]`` has the limits; without one there are no rows.
        old: the last release.
        files, parity: of this build. A target that the release does not have is compared with nothing.
    """
    table = recipe.report.regression
    if table is None:
        return ()
    rows = [
        _count(row.target, "dropped", 1, "the release has this target, and the recipe does not make it any more")
        for row in old.record.files
        if row.target not in {file.target for file in files} and row.target not in table.may_drop
    ]
    judged = {row.target: row for row in parity}
    for file in files:
        before = old.file_of(file.target)
        if before is not None:
            rows += _of_file(table, recipe.metrics, _Pair(before, file, _parity_of(old, file), judged.get(file.target)))
    return tuple(rows)


@dataclass(frozen=True)
class _Pair:
    """A file of the release, that of this build, and what was verified of both."""

    old: FileRecord
    new: FileRecord
    old_parity: ParityResult | None
    new_parity: ParityResult | None


def _parity_of(old: Release, file: FileRecord) -> ParityResult | None:
    return next((row for row in old.record.parity if row.target == file.target), None)


def _of_file(table: RegressionTable, metrics: Sequence[Metric], pair: _Pair) -> Iterator[BudgetResult]:
    target = pair.new.target
    if table.same_signature:
        changed = signature_changes(pair.old.signature, pair.new.signature)
        yield _count(target, "signature changes", len(changed), "; ".join(map(str, changed)))
    for name in BYTES:
        share = getattr(table, name)
        if share is not None:
            old, new = (getattr(row.size, name) for row in (pair.old, pair.new))
            yield _judge(target, name, "most", old, old * (1 + share), Value(new), f"{share:+.1%}")
    limits: list[tuple[str, Rule, float, bool]] = []  # name, rule, by how much, whether that is a share
    limits += [("psnr", "least", table.psnr, False)] if table.psnr is not None else []
    limits += [("ssim", "least", table.ssim, True)] if table.ssim is not None else []
    limits += [(m.name, m.rule, table.limits[m.name], True) for m in metrics if m.name in table.limits]
    for name, rule, by, share in limits:
        old, missing = _verified(pair, name)
        if old is None:
            yield _skipped(target, name, rule, missing)
            continue
        margin = abs(old) * by if share else by
        limit = old + margin if rule == "most" else old - margin
        sign = 1 if rule == "most" else -1
        yield _judge(target, name, rule, old, limit, _new_value(pair, name), _allowed(sign * by, share))


def _number(row: ParityResult, name: str) -> float | None:
    found: float | None = getattr(row, name) if name in ("psnr", "ssim") else row.metric(name)
    return found


def _verified(pair: _Pair, name: str) -> tuple[float | None, str]:
    """What the release has, or why that says nothing."""
    old, new = pair.old_parity, pair.new_parity
    if old is None or _number(old, name) is None:
        return None, f"the release has no {name}"
    if new is not None and old.images != new.images:
        return None, f"the release was verified on {old.images} samples, and this on {new.images}"
    return _number(old, name), ""


def _new_value(pair: _Pair, name: str) -> Value:
    row = pair.new_parity
    if row is None:
        return Value(None, "it was not verified")
    return Value(_number(row, name), row.reason or row.quality_reason or "it is not a number")


def _judge(target: str, what: str, rule: Rule, old: float, limit: float, value: Value, allowed: str) -> BudgetResult:
    row = judge(target, what, rule, limit, value)
    reason, new = row.reason, row.measured
    if row.status == "failed" and new is not None:
        change = f"{new - old:+.2f} dB" if allowed.endswith("dB") or not old else f"{new / old - 1:+.1%}"
        reason = f"{old:,.5g} -> {new:,.5g} is {change}, where {allowed} is allowed"
    return row.model_copy(update={"release": old, "reason": reason})


def _allowed(by: float, share: bool) -> str:
    return f"{by:+.1%}" if share else f"{by:+g} dB"


def _skipped(target: str, what: str, rule: Rule, why: str) -> BudgetResult:
    return judge(target, what, rule, 0.0, Value(None, why))


def _count(target: str, what: str, found: int, why: str) -> BudgetResult:
    """A row for what must not happen at all."""
    status = "failed" if found else "passed"
    about = {"target": target, "what": what, "rule": "most", "limit": 0.0, "measured": float(found), "release": 0.0}
    return BudgetResult.model_validate({**about, "status": status, "reason": why})


@dataclass(frozen=True)
class PortChange:
    """What has changed of one input or output, before and after; ``None`` where there is none."""

    port: str
    what: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        if self.old is None or self.new is None:
            return f"{self.port} is {'new' if self.old is None else 'gone'}"
        return f"{self.port}: {self.what} {self.old} -> {self.new}"


def signature_changes(old: Signature, new: Signature) -> tuple[PortChange, ...]:
    """What has changed of how a file is called."""
    return (*_side_changes("input", old.inputs, new.inputs), *_side_changes("output", old.outputs, new.outputs))


def _side_changes(side: str, old: Sequence[Port], new: Sequence[Port]) -> Iterator[PortChange]:
    before, after = ({port.name: port.model_dump(mode="json") for port in ports} for ports in (old, new))
    for name in dict.fromkeys((*before, *after)):
        was, now, port = before.get(name), after.get(name), f"{side} {name}"
        if was is None or now is None:
            yield PortChange(port, "it", "there" if was else None, "there" if now else None)
            continue
        for key in was:
            if was[key] != now[key]:
                yield PortChange(port, key, str(was[key]), str(now[key]))
    if set(before) == set(after) and list(before) != list(after):
        yield PortChange(f"{side}s", "order", ", ".join(before), ", ".join(after))


@dataclass(frozen=True)
class Paths:
    """A file of the release and that of this build, of one target."""

    old: Path
    new: Path


Times = Mapping[str, "Spread | str"]


def times_of(
    pairs: Mapping[str, Paths],
    runs: int,
    size: tuple[int, int],
    share: float | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Times:
    """How many times as long each new file takes as the old one, by target, on one thread; or why that is not known.

    All files are timed in turns in one process.

    Args:
        pairs: by target.
        runs: of each file.
        size: height and width for files that take any.
        share: the limit that the times are held against; what scatters too much for it is timed again.
        say: called with how far it is.
    """
    if not pairs:
        return {}
    against = {str(pair.old): str(pair.new) for pair in pairs.values()}
    limits = {} if share is None else dict.fromkeys(against, 1 + share)
    rows, errors = measure([*against.values(), *against], runs, 1, size, against, limits, say=say)
    by_name = {row.file: row for row in rows}  # of the path, or of the file alone where no two have one
    by_path = {path: by_name.get(path) or by_name.get(Path(path).name) for path in (*against, *against.values())}
    found: dict[str, Spread | str] = {}
    for target, pair in pairs.items():
        old, new = by_path.get(str(pair.old)), by_path.get(str(pair.new))
        if old is None or new is None or old.ratio is None:
            found[target] = errors.get(str(pair.old)) or errors.get(str(pair.new)) or "it could not be timed"
        elif (old.height, old.width) != (new.height, new.width):
            found[target] = f"images of {old.height}x{old.width} and {new.height}x{new.width} do not compare"
        else:
            found[target] = old.ratio
    return found


def machine_regressions(
    recipe: Recipe,
    old: Release,
    files: Mapping[str, Path],
    runs: int,
    size: tuple[int, int],
    say: Callable[[str], None] = lambda line: None,
) -> tuple[BudgetResult, ...]:
    """Rows for speed and memory: both files are measured here and now, whatever the release's own report says.

    Args:
        recipe, old: as of :func:`file_regressions`.
        files: of this build, by target.
        runs, size, say: as of :func:`times_of`.
    """
    table = recipe.report.regression
    if table is None or not table.measures:
        return ()
    compared = [target for target in files if old.file_of(target)]
    there = {target: found for target in compared if (found := old.path_of(target)) is not None}
    pairs = {target: Paths(path, files[target]) for target, path in there.items()}
    missing = f"the release's file does not lie in {old.path}, so that it cannot be run"
    rows = []
    if table.latency is not None:
        times = times_of(pairs, runs, size, table.latency, say)
        rows += [_latency_row(target, times.get(target, missing), table.latency) for target in compared]
    if table.peak_memory_bytes is not None:
        for target in compared:
            rows.append(_memory_row(target, pairs.get(target), table.peak_memory_bytes, size, missing))
    return tuple(rows)


def _latency_row(target: str, found: Spread | str, share: float) -> BudgetResult:
    if isinstance(found, str):
        return _skipped(target, LATENCY, "most", found)
    row = judge(target, LATENCY, "most", 1 + share, Value(found.median, spread=found))
    told = f"{found.median - 1:+.1%} ({found.low - 1:+.1%} to {found.high - 1:+.1%}) in one run with the release's file"
    reason = f"{told}, where {share:+.1%} is allowed" if row.reason else ""
    return row.model_copy(update={"release": 1.0, "reason": reason})


def _memory_row(target: str, pair: Paths | None, share: float, size: tuple[int, int], missing: str) -> BudgetResult:
    if pair is None:
        return _skipped(target, MEMORY, "most", missing)
    try:
        old, new = (peak_memory(path, size).peak_bytes for path in (pair.old, pair.new))
    except ModelError as error:
        return _skipped(target, MEMORY, "most", str(error))
    return _judge(target, MEMORY, "most", old, old * (1 + share), Value(new), f"{share:+.1%}")
