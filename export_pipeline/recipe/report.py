"""``[report]`` of a recipe: how to measure, and the budgets."""

from __future__ import annotations

from pydantic import Field, field_validator

from export_pipeline.recipe.export import TargetName, by_target
from export_pipeline.recipe.table import LimitsTable, Table


class Budget(LimitsTable):
    """Limits of one target, the task's metrics among them. A file beyond any of them fails the build."""

    bytes: int | None = Field(None, gt=0, description="most bytes of the file as it lies")
    deflated_bytes: int | None = Field(
        None, gt=0, description="most bytes of the file deflated, as a store download has it"
    )
    fps_ratio: float | None = Field(
        None, gt=0, description="least FPS, as a multiple of the float Keras network's in the same run"
    )
    ssim: float | None = Field(None, gt=0, le=1, description="least SSIM to the float network's output")
    peak_memory_bytes: int | None = Field(
        None, gt=0, description="most resident bytes of a fresh process that runs the file"
    )

    @property
    def judged(self) -> bool:
        """Whether any limit is one of a metric of the task."""
        return bool(self.limits)


class ReportTable(Table):
    """``[report]``: how to measure, and the budgets."""

    runs: int = Field(30, ge=30, le=10_000, description="timed runs of each file")
    budgets: dict[TargetName, Budget] = Field(default_factory=dict, description="limits of each target's file")

    @field_validator("budgets")
    @classmethod
    def _targets(cls, value: dict[str, Budget]) -> dict[str, Budget]:
        return by_target(value)
