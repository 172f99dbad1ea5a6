"""The numbers of two builds, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from export_pipeline.diff.model import NumberChange
from export_pipeline.records.metric import Metric
from export_pipeline.report import Contents, LatencyResult, Release
from export_pipeline.report.model import Spread
from export_pipeline.report.regression import LATENCY, MEMORY, Times

FLOAT = "float network"
TIMED_APART = "recorded apart, of runs at different times"
RATIO = "each of its own float network"
MEMORY_SCATTER = 0.02  # by which two processes that do the same differ: nothing to tell


def number_changes(old: Release, new: Release, times: Times) -> Iterator[NumberChange]:
    """Every number of the float network and of each file that both builds have.

    Args:
        times: what was measured in one run now, by target; empty where nothing was.
    """
    yield from _contents(FLOAT, old.record.float_network, new.record.float_network)
    yield from _float_metrics(old, new)
    for after in new.record.files:
        before = old.file_of(after.target)
        if before is None:
            continue
        sizes = ("bytes", "bytes"), ("deflated_bytes", "bytes deflated")
        for name, title in sizes:
            yield _number(after.target, name, title, "lower", 0, getattr(before.size, name), getattr(after.size, name))
        yield from _quality(old, new, after.target)
        yield _latency(old, new, after.target, times)
        yield from _machine(old, new, after.target)
        yield from _contents(after.target, before.contents, after.contents)


def _number(
    target: str, what: str, title: str, better: str, digits: int, old: float | None, new: float | None, **more: Any
) -> NumberChange:
    about = {"target": target, "what": what, "title": title, "better": better, "digits": digits}
    return NumberChange.model_validate({**about, "old": old, "new": new, **more})


def _contents(target: str, old: Contents, new: Contents) -> Iterator[NumberChange]:
    rows = (
        ("parameters", "parameters", 0),
        ("nonzero_share", "nonzero share of kernels", 4),
        ("multiply_accumulates", "multiply-accumulates", 0),
    )
    for name, title, digits in rows:
        yield _number(target, name, title, "neither", digits, getattr(old, name), getattr(new, name))


def _metrics(old: Release, new: Release) -> tuple[Metric, ...]:
    """Those that both tasks have; two tasks have none in common."""
    ours = {metric.name for metric in old.record.recipe.metrics}
    return tuple(metric for metric in new.record.recipe.metrics if metric.name in ours)


def _float_metrics(old: Release, new: Release) -> Iterator[NumberChange]:
    if not old.record.parity or not new.record.parity:
        return
    before, after = old.record.parity[0], new.record.parity[0]
    for metric in _metrics(old, new):
        values = before.float_metric(metric.name), after.float_metric(metric.name)
        if values != (None, None):
            yield _number(FLOAT, metric.name, metric.title, metric.better, metric.digits + 1, *values)


def _quality(old: Release, new: Release, target: str) -> Iterator[NumberChange]:
    before, after = (next((row for row in side.record.parity if row.target == target), None) for side in (old, new))
    if before is None or after is None:
        return
    note = f"verified on {before.images} and on {after.images} samples" if before.images != after.images else ""
    parity = (("psnr", "PSNR dB", "higher", 2), ("ssim", "SSIM", "higher", 4), ("relative_error", "error", "lower", 5))
    for name, title, better, digits in parity:
        values = getattr(before, name), getattr(after, name)
        if values != (None, None):
            yield _number(target, name, title, better, digits, *values, note=note)
    for metric in _metrics(old, new):
        values = before.metric(metric.name), after.metric(metric.name)
        if values != (None, None):
            yield _number(target, metric.name, metric.title, metric.better, metric.digits + 1, *values, note=note)


def _row(side: Release, target: str) -> LatencyResult | None:
    file = side.file_of(target)
    return side.benchmark.latency_of(file.file) if side.benchmark and file else None


def _latency(old: Release, new: Release, target: str, times: Times) -> NumberChange:
    before, after = _row(old, target), _row(new, target)
    found = times.get(target)
    spreads: dict[str, Any] = {
        "old_spread": before.spread_ms if before else None,
        "new_spread": after.spread_ms if after else None,
    }
    values = (before.median_ms if before else None), (after.median_ms if after else None)
    title = "ms, one thread"
    if isinstance(found, Spread):
        note = "the change is of one run now, turn by turn; both numbers are as recorded"
        return _number(target, LATENCY, title, "lower", 2, *values, **spreads, times=found, note=note)
    if isinstance(found, str):
        return _number(target, LATENCY, title, "lower", 2, *values, **spreads, note=found)
    if before is None or after is None:
        return _number(target, LATENCY, title, "lower", 2, None, None, note="one of the two was not timed")
    different = _different(before, after)
    if different:
        return _number(target, LATENCY, title, "lower", 2, None, None, note=different)
    return _number(target, LATENCY, title, "lower", 2, *values, **spreads, note=TIMED_APART)


def _different(before: LatencyResult, after: LatencyResult) -> str:
    """Why two times say nothing of one another; empty if they may."""
    for what in ("processor", "runtime", "version", "height", "width"):
        first, second = getattr(before, what), getattr(after, what)
        if first != second:
            return f"timed with another {what}: {first} and {second}"
    return ""


def _machine(old: Release, new: Release, target: str) -> Iterator[NumberChange]:
    if old.benchmark is None or new.benchmark is None:
        return
    before, after = old.file_of(target), new.file_of(target)
    assert before is not None
    assert after is not None
    spreads = old.benchmark.fps_spread(before.file), new.benchmark.fps_spread(after.file)
    if spreads[0] and spreads[1]:
        values = spreads[0].median, spreads[1].median
        about: dict[str, Any] = {
            "old_spread": spreads[0],
            "new_spread": spreads[1],
            "note": "each of its own float network",
        }
        yield _number(target, "fps_ratio", "x float FPS", "neither", 2, *values, **about)
    peaks = old.benchmark.memory_of(before.file), new.benchmark.memory_of(after.file)
    same = old.benchmark.machine.libraries == new.benchmark.machine.libraries
    if peaks[0] and peaks[1] and same and abs(peaks[1].peak_bytes / peaks[0].peak_bytes - 1) > MEMORY_SCATTER:
        yield _number(target, MEMORY, "peak MB", "lower", 0, peaks[0].peak_bytes / 1e6, peaks[1].peak_bytes / 1e6)
