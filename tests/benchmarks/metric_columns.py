"""The metrics of style transfer as columns of a page: those that its record has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from export_pipeline.recipe import StyleTransferRecipe
from export_pipeline.records.metric import Metric


def metrics_of(row: Mapping[str, Any], before: str = "") -> tuple[Metric, ...]:
    """The metrics that *row* has under their names, with *before* in front of each; an old record has fewer."""
    return tuple(metric for metric in StyleTransferRecipe.metrics if f"{before}{metric.name}" in row)


def headings(metrics: Sequence[Metric]) -> str:
    """Their titles as cells of a heading."""
    return " | ".join(metric.title for metric in metrics)


def cells(metrics: Sequence[Metric], row: Mapping[str, Any], base: Mapping[str, Any] | None = None) -> str:
    """Their values in *row* as cells; where *base* is given, each also against the value there, in percent."""
    return " | ".join(cell(metric, row[metric.name], base[metric.name] if base else None) for metric in metrics)


def cell(metric: Metric, value: float | None, base: float | None = None) -> str:
    """*value* with one digit more than reports show, since variants lie close together; ``-`` if there is none."""
    if value is None:
        return "-"
    shown = f"{value:,.{metric.digits + 1}f}"
    return f"{shown} ({value / base - 1:+.1%})" if base else shown
