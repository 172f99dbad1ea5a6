"""``[model]`` of a recipe: the network."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from export_pipeline.recipe.table import Table

BlocksKind = Literal["residual", "separable"]
BLOCKS_KIND = (
    "3x3 convolutions, but for those that read or make the image: full ones, or a depthwise and a pointwise one for "
    "each, with fewer multiply-accumulates (Howard et al., 2017)"
)


class AnyModelTable(Table):
    """``[model]``: the network, from a builder or from a file."""


class ModelTable(AnyModelTable):
    """``[model]``: the network, as in ``models.NETWORKS``, and its arguments; each task says which there are."""

    least_filters: ClassVar[int] = 1  # filters of the narrowest layer of any network of the task at alpha 1

    network: str = Field(description="which network")
    alpha: float = Field(gt=0, le=4, description="width multiplier: share of the filters of each layer")
    widths: dict[str, int] = Field(
        default_factory=dict,
        description="number of filters of single convolutions, by layer name, instead of what alpha gives",
    )

    @field_validator("alpha")
    @classmethod
    def _leaves_filters(cls, alpha: float) -> float:
        if alpha < 1 / cls.least_filters:
            raise ValueError(f"it leaves a layer without filters; it must be {1 / cls.least_filters:g} or more")
        return alpha
