"""``[report]`` of a recipe: how to measure, and the budgets."""

from __future__ import annotations

from pydantic import ConfigDict, Field, field_validator

from export_pipeline.recipe.export import SizedTargetName, by_target
from export_pipeline.recipe.table import LIMITS, WORSE, LimitsTable, Table


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


ABOUT_REGRESSION = (
    "How much worse than the last release each file may be, the task's metrics by a share. A file that is worse, a "
    "target that is gone and a signature that has changed fail the build, and `diff`"
)


class RegressionTable(LimitsTable):
    """``[report.regression]``: how much worse than the last release files may be; the task's metrics by a share."""

    model_config = ConfigDict(json_schema_extra={LIMITS: WORSE})

    release: str = Field(min_length=1, description="bundle of the last release, or a report of it")
    bytes: float | None = Field(None, ge=0, le=10, description="share by which a file may grow")
    deflated_bytes: float | None = Field(None, ge=0, le=10, description="share by which a file may grow, deflated")
    latency: float | None = Field(
        None, ge=0, le=10, description="share by which a file may take longer, both timed in one run on one thread"
    )
    peak_memory_bytes: float | None = Field(
        None, ge=0, le=10, description="share by which the peak memory of a fresh process may grow"
    )
    psnr: float | None = Field(None, ge=0, description="dB by which the PSNR to the float network may fall")
    ssim: float | None = Field(None, ge=0, le=1, description="share by which the SSIM to it may fall")
    same_signature: bool = Field(True, description="whether names, shapes and types of inputs and outputs must stay")
    may_drop: tuple[SizedTargetName, ...] = Field(
        (), strict=False, description="targets of the release that need not be made any more"
    )

    @field_validator("may_drop")
    @classmethod
    def _known(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        by_target(dict.fromkeys(targets))
        return targets

    @property
    def measures(self) -> bool:
        """Whether files of the release must be run."""
        return self.latency is not None or self.peak_memory_bytes is not None


class ReportTable(Table):
    """``[report]``: how to measure, and the budgets."""

    runs: int = Field(30, ge=30, le=10_000, description="timed runs of each file")
    budgets: dict[SizedTargetName, Budget] = Field(default_factory=dict, description="limits of each target's file")
    regression: RegressionTable | None = Field(None, description=ABOUT_REGRESSION)

    @field_validator("budgets")
    @classmethod
    def _targets(cls, value: dict[str, Budget]) -> dict[str, Budget]:
        return by_target(value)
