"""Pareto plots of a sweep: what a file costs against what it is worth, with the front drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export_pipeline.base.files import written_aside
from export_pipeline.records.metric import Metric
from export_pipeline.report.model import Spread
from export_pipeline.sweep.grid import shown
from export_pipeline.sweep.picks import Candidate, front_apart

DPI = 80
_GRAY, _FRONT = "#999999", "#222222"


@dataclass(frozen=True)
class Axis:
    """One number of a file: its attribute or metric, its name on the plot, one unit there, and which way is better."""

    attribute: str
    title: str
    unit: float = 1.0
    larger_is_better: bool = False
    scatter: str = ""  # the attribute with its quartiles, where it was measured again and again

    def of(self, one: Candidate) -> float | None:
        """The number of *one*."""
        found: float | None = one.metrics.get(self.attribute, getattr(one, self.attribute, None))
        return found

    def spread_of(self, one: Candidate) -> Spread:
        """The number of *one* with its quartiles, in units of the plot; a number that was counted is its own."""
        found: Spread | None = getattr(one, self.scatter) if self.scatter else None
        number = self.of(one) or 0.0
        low, median, high = (found.low, found.median, found.high) if found else (number,) * 3
        return Spread(low=low / self.unit, median=median / self.unit, high=high / self.unit)


COSTS = (
    Axis("bytes", "bytes"),
    Axis("deflated_bytes", "bytes deflated"),
    Axis("latency_ms", "latency, ms, one thread, with quartiles", scatter="latency"),
    Axis("peak_memory_bytes", "peak memory, MB", 1e6),
)
PARITY = Axis("psnr", "PSNR to the float network, dB (more is better)", larger_is_better=True)
PLOT = "pareto_{}.png"


def worths(metrics: Sequence[Metric]) -> dict[str, Axis]:
    """What a file is worth, by the name of the plot: the metrics that have a better side, and its parity."""
    found = {
        PLOT.format(metric.title): Axis(
            metric.name,
            f"{metric.name.replace('_', ' ')} ({'less' if metric.better == 'lower' else 'more'} is better)",
            larger_is_better=metric.better == "higher",
        )
        for metric in metrics
        if metric.has_limits
    }
    return {**found, PLOT.format("parity"): PARITY}


def draw_plots(folder: Path, name: str, found: Sequence[Candidate], metrics: Sequence[Metric]) -> tuple[str, ...]:
    """Write the plots into *folder*, one for each of :func:`worths`, and give their names.

    A file that failed a check is gray and on no front; one of which a number is missing is left out.

    Raises:
        OutputError: a plot cannot be written.
    """
    drawn = []
    for file, worth in worths(metrics).items():
        if any(worth.of(one) is not None for one in found):
            _draw(folder / file, f"{name}: {worth.title}", worth, found)
            drawn.append(file)
    return tuple(drawn)


def _draw(path: Path, title: str, worth: Axis, found: Sequence[Candidate]) -> None:
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.style.context("default"):
        figure = Figure(figsize=(13, 9), layout="constrained")
        canvas = FigureCanvasAgg(figure)
        figure.suptitle(title)
        for panel, cost in zip(figure.subplots(2, 2).flat, COSTS, strict=True):
            _panel(panel, cost, worth, found)
        _legend(figure, found)
        with written_aside(path) as aside:
            # No name of a version in the file: the same numbers give the same bytes.
            canvas.print_figure(aside, dpi=DPI, format="png", metadata={"Software": None})


def _panel(panel: Any, cost: Axis, worth: Axis, found: Sequence[Candidate]) -> None:
    rows = [
        (x / cost.unit, y, one) for one in found if (x := cost.of(one)) is not None and (y := worth.of(one)) is not None
    ]
    panel.set_xlabel(cost.title)
    panel.set_ylabel(worth.title)
    panel.grid(alpha=0.3)
    if not rows:
        panel.text(0.5, 0.5, "not measured", ha="center", va="center", transform=panel.transAxes)
        return
    if min(x for x, _, _ in rows) * 3 < max(x for x, _, _ in rows):
        panel.set_xscale("log")
        for ticks in (panel.xaxis.set_major_formatter, panel.xaxis.set_minor_formatter):
            ticks(lambda value, _: f"{value:,.4g}" if value < 1e4 else f"{value:,.0f}")
        panel.tick_params(axis="x", which="both", labelrotation=30)
    colors = _colors(found)
    for x, y, one in rows:
        color = colors[one.target] if one.passed else _GRAY
        panel.plot(x, y, marker="o" if one.passed else "x", color=color, linestyle="none")
        range_ = cost.spread_of(one)
        panel.plot([range_.low, range_.high], [y, y], color=color, linewidth=1)
    passed = [row for row in rows if row[2].passed]
    sign = -1 if worth.larger_is_better else 1
    # Files that no clock can tell apart are no two steps of a front.
    best = [passed[index] for index in front_apart([(cost.spread_of(one), sign * y) for _, y, one in passed])]
    panel.step([x for x, _, _ in best], [y for _, y, _ in best], where="post", color=_FRONT, linewidth=1)
    for x, y, one in best:
        text = ", ".join(shown(value) for value in one.point.overrides.values())
        panel.annotate(text, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=8)


def _legend(figure: Any, found: Sequence[Candidate]) -> None:
    from matplotlib.lines import Line2D

    marks = [Line2D([], [], marker="o", color=c, linestyle="none", label=t) for t, c in _colors(found).items()]
    marks.append(Line2D([], [], color=_FRONT, linewidth=1, label="Pareto front, marked with the values set"))
    if not all(one.passed for one in found):
        marks.append(Line2D([], [], marker="x", color=_GRAY, linestyle="none", label="failed a check"))
    figure.legend(handles=marks, loc="outside lower center", ncols=4)


def _colors(found: Sequence[Candidate]) -> dict[str, str]:
    """A colour for each target, the same in every panel."""
    targets = dict.fromkeys(one.target for one in found)
    return {target: f"C{index % 10}" for index, target in enumerate(targets)}
