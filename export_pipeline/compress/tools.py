"""What the compress stage needs of others; ``pipeline.py`` hands it over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from export_pipeline.recipe import Recipe
from export_pipeline.records.metric import Values


class FineTune(Protocol):
    """Trains a network in place on the task's objective, going on where an interrupted run was."""

    def __call__(
        self,
        model: Any,
        recipe: Recipe,
        part: str,
        steps: int,
        learning_rate: float,
        before_step: Callable[[int], None] = ...,
        bits: Mapping[str, int] | None = ...,
    ) -> None:
        """Train *model*, the network of *recipe*, for *steps*; *part* names the run, its folder and its progress.

        *before_step* is called with the number of each step, from 0. *bits* are those of the tables that are trained,
        by layer: an interrupted run with others is not gone on with.
        """


@dataclass(frozen=True)
class Tools:
    """Functions of other stages.

    ``evaluate(model)`` gives the task's metrics of a network, as verification measures them.
    ``inputs(count)`` gives what the network takes, of training samples: an array ``(N, ...)`` for each of its inputs,
    in their order.
    ``squared_gradients(model, variables)`` gives the mean squared gradient of the training loss by each variable.
    ``say`` gets a line before what takes long.
    """

    fine_tune: FineTune
    evaluate: Callable[[Any], Values]
    inputs: Callable[[int], Sequence[np.ndarray]]
    squared_gradients: Callable[[Any, Sequence[Any]], list[np.ndarray]]
    say: Callable[[str], None]
