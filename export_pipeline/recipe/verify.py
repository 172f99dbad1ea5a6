"""``[verify]`` of a recipe: photographs to judge on, and tolerances."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from export_pipeline.recipe.export import Target, by_target
from export_pipeline.recipe.table import Table


class VerifyTable(Table):
    """``[verify]``: the photographs to judge on, and tolerances other than the project's own."""

    images: int = Field(6, ge=1, le=1000, description="most photographs to verify on")
    content: str | None = Field(
        None, description="a folder of photographs to verify on; the held-out or built-in ones when left out"
    )
    judge: Literal["always", "cached"] = Field(
        "always", description="style and content distance by VGG-19: always, or only where its weights need no download"
    )
    min_psnr: dict[Target, float] = Field(
        default_factory=dict, description="least PSNR by target, dB, instead of the project's own tolerance"
    )

    @field_validator("min_psnr")
    @classmethod
    def _targets(cls, value: dict[str, float]) -> dict[str, float]:
        return by_target(value)
