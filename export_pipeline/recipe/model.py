"""``[model]`` of a recipe: the network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from export_pipeline.recipe.table import Table

# Filters of the narrowest layer of any network at alpha 1.
LEAST_FILTERS = 32


class ModelTable(Table):
    """``[model]``: the network, as in ``models.NETWORKS``."""

    network: Literal["johnson", "small"] = "small"
    alpha: float = Field(0.3, gt=0, le=4, description="width multiplier")
    rho: float = Field(1.0, gt=0, le=1, description="resolution multiplier")
    blocks: int | None = Field(None, ge=0, le=16, description="residual blocks; the network's own number when left out")
    norm: Literal["instance", "batch"] = "instance"
    widths: dict[str, int] = Field(
        default_factory=dict, description="filters of single convolutions, by layer name, instead of those of alpha"
    )

    @field_validator("alpha")
    @classmethod
    def _leaves_filters(cls, alpha: float) -> float:
        if alpha < 1 / LEAST_FILTERS:
            raise ValueError(f"it leaves a layer without filters; it must be {1 / LEAST_FILTERS:g} or more")
        return alpha
