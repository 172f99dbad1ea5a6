"""What long work tells of itself while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

NOTHING_LOGGED = "tensorboard: nothing is written to {}, for nothing was left to train; --fresh trains anew"


class Passing(str):
    """A line that is of no interest once the next one comes: a console shows it where work takes long."""


@dataclass(frozen=True)
class Progress:
    """What a training tells after each step; losses are of that step, images/s since the run began."""

    stage: str
    step: int
    steps: int
    losses: dict[str, float]
    images_per_second: float


@dataclass
class Counted:
    """A listener that counts the steps which it passes on."""

    on_step: Callable[[Progress], None]
    steps: int = 0

    def __call__(self, progress: Progress) -> None:
        """Count a step, and pass it on."""
        self.steps += 1
        self.on_step(progress)
