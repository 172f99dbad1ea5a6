"""``[model]`` of a recipe: the network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from export_pipeline.recipe.table import Table

# Filters of the narrowest layer of any network at alpha 1.
LEAST_FILTERS = 32


class ModelTable(Table):
    """``[model]``: the network, as in ``models.NETWORKS``."""

    network: Literal["johnson", "small"] = Field("small", description="which network")
    alpha: float = Field(
        0.3,
        gt=0,
        le=4,
        description="width multiplier: share of the filters of each layer",
        json_schema_extra={"minimum": 1 / LEAST_FILTERS},
    )
    rho: float = Field(
        1.0,
        gt=0,
        le=1,
        description="resolution multiplier: the network works on an image scaled by it, and scales its output back",
    )
    blocks: int | None = Field(
        None, ge=0, le=16, description="number of residual blocks; the network's own number when left out"
    )
    norm: Literal["instance", "batch"] = Field(
        "instance", description="normalization after each convolution: by the image's own statistics, or by fixed ones"
    )
    widths: dict[str, int] = Field(
        default_factory=dict,
        description="number of filters of single convolutions, by layer name, instead of what alpha gives",
    )

    @field_validator("alpha")
    @classmethod
    def _leaves_filters(cls, alpha: float) -> float:
        if alpha < 1 / LEAST_FILTERS:
            raise ValueError(f"it leaves a layer without filters; it must be {1 / LEAST_FILTERS:g} or more")
        return alpha
