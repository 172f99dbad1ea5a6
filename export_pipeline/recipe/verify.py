"""``[verify]`` of a recipe: samples to verify on, and tolerances."""

from __future__ import annotations

from pydantic import Field, field_validator

from export_pipeline.recipe.export import SizedTargetName, by_target
from export_pipeline.recipe.table import Table


class VerifyTable(Table):
    """``[verify]``: how many samples to verify on, and tolerances other than the project's own."""

    images: int = Field(6, ge=1, le=1000, description="most samples to verify on")
    min_psnr: dict[SizedTargetName, float] = Field(
        default_factory=dict, description="least PSNR by target, dB, instead of the project's own tolerance"
    )

    stress: bool = Field(
        True,
        description="run files for hardware that may add up in half precision with such sums; one that overflows fails",
    )

    @field_validator("min_psnr")
    @classmethod
    def _targets(cls, value: dict[str, float]) -> dict[str, float]:
        return by_target(value)
