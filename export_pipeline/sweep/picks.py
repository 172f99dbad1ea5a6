"""Which files of a sweep to take: the Pareto fronts, and three picks by stated rules.

The *reference* is the float network of the sweep that is best by the sum of the metrics that rank. A file is *within
tolerance* when by none of them it is worse than the reference by more than the share ``tolerance``. Only files count
whose checks have passed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from export_pipeline.errors import UsageError
from export_pipeline.records.metric import Metric, badness
from export_pipeline.report.model import Spread
from export_pipeline.sweep.measure import Measurement, names_of
from export_pipeline.sweep.model import FloatNetwork, Pick, SweptPoint

TOLERANCE = 0.05
# What a file costs: beside the metrics that rank, the axes on which a file is balanced.
COSTS = ("deflated_bytes", "latency_ms")


@dataclass(frozen=True, eq=False)
class Candidate:
    """One file with all that it is plotted and picked by; None where it was not measured."""

    point: SweptPoint
    target: str
    passed: bool
    bytes: int
    deflated_bytes: int
    latency_ms: float | None
    iqr_ms: float | None
    peak_memory_bytes: int | None
    psnr: float | None
    metrics: Mapping[str, float | None]
    latency: Spread | None = None

    @property
    def name(self) -> str:
        """Point and target in words."""
        return f"{self.point.label}, {self.target}"


def candidates(
    points: Sequence[SweptPoint], measurement: Measurement, metrics: Sequence[Metric]
) -> tuple[Candidate, ...]:
    """Every file of *points*."""
    latency = {row.file: row for row in measurement.rows.latency if row.threads == 1}
    memory = {row.file: row.peak_bytes for row in measurement.rows.memory}
    found = []
    for point in points:
        missed = {row.target for row in measurement.budgets.get(point.label, ()) if row.status != "passed"}
        for file in point.result.files:
            name = names_of(point)[file.target]
            found.append(
                Candidate(
                    point=point,
                    target=file.target,
                    passed=file.status == "passed" and file.target not in missed,
                    bytes=file.size.bytes,
                    deflated_bytes=file.size.deflated_bytes,
                    latency_ms=latency[name].median_ms if name in latency else None,
                    iqr_ms=latency[name].iqr_ms if name in latency else None,
                    latency=latency[name].spread_ms if name in latency else None,
                    peak_memory_bytes=memory.get(name),
                    psnr=file.psnr,
                    metrics={metric.name: file.metric(metric.name) for metric in metrics},
                )
            )
    return tuple(found)


def reference(points: Sequence[SweptPoint], metrics: Sequence[Metric]) -> FloatNetwork | None:
    """The float network that files are held against; ``None`` where no point was judged."""
    networks = [point.result.float_network for point in points if point.result.float_network]
    judged = [(total, index) for index, one in enumerate(networks) if (total := _badness(one, metrics)) is not None]
    return networks[min(judged)[1]] if judged else None


def front(values: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the pairs that no other pair beats, least first value first; smaller is better for both.

    Of equal pairs the first is kept.
    """
    kept: list[int] = []
    for index in sorted(range(len(values)), key=lambda one: (values[one], one)):
        if not kept or values[index][1] < values[kept[-1]][1]:
            kept.append(index)
    return kept


def front_apart(values: Sequence[tuple[Spread, float]]) -> list[int]:
    """As :func:`front` of pairs whose first value was measured again and again, of which only the quartiles are sure.

    From the best second value on, one is kept whose range lies apart from, and below, those of all that were kept
    before: what cannot be told from a better one is no faster than it. Without any scatter this is :func:`front`.
    """
    kept: list[int] = []
    for index in sorted(range(len(values)), key=lambda one: (values[one][1], values[one][0].median, one)):
        own = values[index][0]
        if all(own.apart_from(other) and own.median < other.median for other in (values[one][0] for one in kept)):
            kept.append(index)
    return kept[::-1]


def check_tolerance(tolerance: float) -> None:
    """Refuse a tolerance that is none.

    Raises:
        UsageError: it is not above 0, or not finite.
    """
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise UsageError(f"the tolerance is {tolerance}; it must be above 0, such as 0.05 for 5 % above the float")


def picks(
    found: Sequence[Candidate], best: FloatNetwork | None, tolerance: float, metrics: Sequence[Metric]
) -> tuple[Pick, ...]:
    """The three picks among *found*."""
    ranking = [metric for metric in metrics if metric.ranks]
    passed = [one for one in found if one.passed]
    losses = {one: loss for one in passed if best and (loss := loss_of(one, best, ranking)) is not None}
    within = [one for one, loss in losses.items() if loss <= tolerance]
    timed = [one for one in within if one.latency_ms is not None]
    titles = " and ".join(metric.name.replace("_", " ") for metric in ranking)
    close = f"of the files that by {titles} are at most {tolerance:.1%} worse than the float network"
    nothing = _none(losses, tolerance)
    untimed = "no file within tolerance could be timed" if within else nothing
    return (
        _least("smallest", f"fewest deflated bytes {close}", within, _by_bytes, _bytes, nothing),
        _least("fastest", f"least latency on one thread {close}", timed, _by_speed, _among(timed), untimed),
        _balanced(within, close, nothing, tolerance, ranking),
    )


def loss_of(one: Candidate, best: FloatNetwork, ranking: Sequence[Metric]) -> float | None:
    """By what share the worst of the metrics is worse than the reference's; negative where all are better."""
    losses = []
    for metric in ranking:
        own, its = one.metrics.get(metric.name), best.metric(metric.name)
        if own is None or not its:
            return None
        losses.append((own / its - 1) * (1 if metric.better == "lower" else -1))
    return max(losses, default=None)


def _least(
    name: str,
    rule: str,
    among: Sequence[Candidate],
    key: Callable[[Candidate], tuple[float, ...]],
    words: Callable[[Candidate], str],
    otherwise: str,
) -> Pick:
    chosen = min(among, key=key, default=None)
    if chosen is None:
        return _pick(name, rule, None, otherwise)
    return _pick(name, rule, chosen, f"the least of {len(among)} files within tolerance: {words(chosen)}")


def _balanced(
    within: Sequence[Candidate], close: str, otherwise: str, tolerance: float, ranking: Sequence[Metric]
) -> Pick:
    titles = [metric.name.replace("_", " ") for metric in ranking]
    rule = (
        f"{close}, the one nearest to a file with the best of all of "
        f"{', '.join(['deflated bytes', 'latency', *titles])}, where a doubling of bytes or latency is as far as a "
        f"metric that is {tolerance:.1%} worse"
    )
    whole = [one for one in within if all(_axes(one, ranking))]
    if not whole:
        missing = f"no file within tolerance has all {2 + len(ranking)} numbers"
        return _pick("balanced", rule, None, missing if within else otherwise)
    rows = [[value or 0.0 for value in _axes(one, ranking)] for one in whole]
    away = corner_distances(rows, [*[2.0] * len(COSTS), *[1 + tolerance] * len(ranking)])
    least = min(range(len(whole)), key=lambda index: (away[index], index))
    chosen = whole[least]
    metrics = ", ".join(f"{metric.title} {chosen.metrics[metric.name]:.4f}" for metric in ranking)
    reason = (
        f"at {away[least]:.2f}, where the furthest of {len(whole)} files is at {max(away):.2f}: {_bytes(chosen)}, "
        f"{chosen.latency_ms:.2f} ms, {metrics}"
    )
    return _pick("balanced", rule, chosen, reason)


def _axes(one: Candidate, ranking: Sequence[Metric]) -> list[float | None]:
    """Costs and metrics, each so that less is better; ``None`` where one is missing."""
    values = [one.metrics[metric.name] for metric in ranking]
    turned = [
        value if value is None or metric.better == "lower" else 1 / value if value else None
        for value, metric in zip(values, ranking, strict=True)
    ]
    return [*(getattr(one, axis) for axis in COSTS), *turned]


def corner_distances(rows: Sequence[Sequence[float]], steps: Sequence[float]) -> list[float]:
    """Euclidean distance of each row of positive numbers from the corner of the least of all columns.

    Columns are taken as logarithms to the base of their entry in *steps*: a value that is as many times the least is
    at distance 1. What hardly differs, such as the latency of equal networks, then hardly counts.
    """
    least = [min(column) for column in zip(*rows, strict=True)]
    return [
        math.hypot(*(math.log(v / low) / math.log(step) for v, low, step in zip(row, least, steps, strict=True)))
        for row in rows
    ]


def _by_bytes(one: Candidate) -> tuple[float, ...]:
    return one.deflated_bytes, one.bytes


def _by_speed(one: Candidate) -> tuple[float, ...]:
    return one.latency_ms or 0.0, one.deflated_bytes


def _none(losses: Mapping[Candidate, float], tolerance: float) -> str:
    """Why no file is within tolerance, and which comes nearest."""
    if not losses:
        return "no file passed its checks and was judged"
    loss, name = min((loss, one.name) for one, loss in losses.items())
    return f"no file is within {tolerance:.1%}; the nearest, {name}, is {loss:.1%} worse"


def _bytes(one: Candidate) -> str:
    return f"{one.deflated_bytes:,} bytes deflated"


def _among(timed: Sequence[Candidate]) -> Callable[[Candidate], str]:
    """Speed in words, with how many of *timed* are as fast as far as one can tell."""

    def speed(one: Candidate) -> str:
        limit = (one.latency_ms or 0.0) + (one.iqr_ms or 0.0)
        level = sum(other is not one and (other.latency_ms or 0.0) <= limit for other in timed)
        tie = f"; {level} more lie within that range" if level else ""
        return f"{one.latency_ms:.2f} ms (interquartile range {one.iqr_ms:.2f} ms{tie})"

    return speed


def _pick(name: str, rule: str, chosen: Candidate | None, reason: str) -> Pick:
    place = (chosen.point.label, chosen.target) if chosen else (None, None)
    return Pick.model_validate({"name": name, "rule": rule, "point": place[0], "target": place[1], "reason": reason})


def _badness(network: FloatNetwork, metrics: Sequence[Metric]) -> float | None:
    values = {metric.name: network.metric(metric.name) for metric in metrics if metric.ranks}
    known = {name: value for name, value in values.items() if value is not None}
    return badness(metrics, known) if len(known) == len(values) else None
