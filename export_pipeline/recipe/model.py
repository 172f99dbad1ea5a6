"""``[model]`` of a recipe: the network."""

from __future__ import annotations

from pydantic import Field

from export_pipeline.recipe.table import Table


class ModelTable(Table):
    """``[model]``: the network, as in ``models.NETWORKS``, and its arguments; each task says which there are."""

    network: str = Field(description="which network")
    alpha: float = Field(gt=0, le=4, description="width multiplier: share of the filters of each layer")
    widths: dict[str, int] = Field(
        default_factory=dict,
        description="number of filters of single convolutions, by layer name, instead of what alpha gives",
    )
