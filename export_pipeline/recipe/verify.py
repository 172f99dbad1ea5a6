"""``[verify]`` of a recipe: photographs to judge on, and tolerances."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from export_pipeline.recipe.export import by_target
from export_pipeline.recipe.table import Table


class VerifyTable(Table):
    """``[verify]``: the photographs to judge on, and tolerances other than the project's own."""

    images: int = Field(6, ge=1, le=1000, description="validation photographs at most")
    content: str | None = Field(
        None, description="a folder of validation photographs; else the held-out or built-in ones"
    )
    judge: Literal["always", "cached"] = Field(
        "always", description="style and content by VGG-19: fetched if need be, or only where it is at hand"
    )
    min_psnr: dict[str, float] = Field(default_factory=dict, description="dB by target, instead of the tolerance")

    @field_validator("min_psnr")
    @classmethod
    def _targets(cls, value: dict[str, float]) -> dict[str, float]:
        return by_target(value)
