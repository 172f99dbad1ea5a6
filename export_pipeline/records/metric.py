"""What a task measures its networks by: the rows that reports, budgets, pruning rounds and sweeps go through."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DIGITS = 6  # that a record keeps of a metric; more is noise of the last bits


@dataclass(frozen=True)
class Metric:
    """One number that says how good an output is.

    Attributes:
        name: its key in records, recipes and sweeps, such as ``content_distance``.
        title: heads its column in tables.
        better: whether smaller (``lower``) or larger (``higher``) values are better; ``neither`` where there is a right
            value and no better side: it has no budgets and no plots.
        digits: after the point, in tables.
        meaning: one line for documentation.
        ranks: whether structured pruning adds it up to choose what goes first.
        limit: beyond which an output is of no use, whatever the recipe says, and what that means; none if left out.
        without: what can be had without a network and a useful one must be better than; empty if nothing.
        within: by what share of the float network's value a file's may differ; 0 if by any.
    """

    name: str
    title: str
    better: Literal["lower", "higher", "neither"]
    digits: int
    meaning: str
    ranks: bool = False
    without: str = ""
    limit: tuple[float, str] | None = None
    within: float = 0.0

    @property
    def has_limits(self) -> bool:
        """Whether a recipe may limit it."""
        return self.better != "neither"

    @property
    def rule(self) -> Literal["most", "least"]:
        """Whether a budget is the most or the least that is allowed."""
        return "most" if self.better == "lower" else "least"

    def strays(self, value: float, float_value: float) -> bool:
        """Whether a file's *value* is too far from that of the float network; NaN is."""
        return bool(self.within) and not abs(value - float_value) <= self.within * abs(float_value)

    def worse_than(self, value: float, limit: float) -> bool:
        """Whether *value* is on the wrong side of *limit*; NaN is."""
        return not (value <= limit if self.better == "lower" else value >= limit)


Values = Mapping[str, float]


def mean_values(rows: Sequence[Values]) -> dict[str, float]:
    """The mean of each metric over *rows*, one of each sample, to :data:`DIGITS` digits."""
    return {name: round(math.fsum(row[name] for row in rows) / len(rows), DIGITS) for name in rows[0]}


def badness(metrics: Iterable[Metric], values: Values) -> float:
    """The sum of the metrics that rank, each counted so that less is better; NaN where one is not finite."""
    ranking = [metric for metric in metrics if metric.ranks]
    total = sum(values[metric.name] * (1 if metric.better == "lower" else -1) for metric in ranking)
    return total if math.isfinite(total) else math.nan


class Measured(BaseModel):
    """A noun that has the task's metrics as further keys, by their names."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())
    __pydantic_extra__: dict[str, float | None] = Field(init=False)

    def metric(self, name: str) -> float | None:
        """One of them; ``None`` where it was not measured or was not finite."""
        return self.__pydantic_extra__.get(name)
