"""What long work tells of itself while it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """What a training tells after each step; losses are of that step, images/s since the run began."""

    stage: str
    step: int
    steps: int
    losses: dict[str, float]
    images_per_second: float
