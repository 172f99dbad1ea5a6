"""Recipes of arbitrary style transfer: the network, and the paintings that it learns from and is judged on."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from export_pipeline.recipe.model import ModelTable
from export_pipeline.recipe.perceptual import PerceptualRecipe, PerceptualTrainTable
from export_pipeline.recipe.table import BUILTIN

# Filters of every layer at alpha 1.
LEAST_FILTERS = 32


class ArbitraryStyleModelTable(ModelTable):
    """``[model]``: the network, as in ``models.NETWORKS``."""

    least_filters: ClassVar[int] = LEAST_FILTERS

    network: Literal["adain_subpixel"] = Field("adain_subpixel", description="which network")
    alpha: float = Field(
        1.25,
        gt=0,
        le=4,
        description="width multiplier: share of the filters of each layer",
        json_schema_extra={"minimum": 1 / LEAST_FILTERS},
    )
    blocks: int | None = Field(
        None, ge=0, le=16, description="number of residual blocks; the network's own number when left out"
    )
    margin: int = Field(
        0,
        ge=0,
        le=64,
        multiple_of=4,
        description="pixels that the image is continued by beyond its edges while the network computes",
    )


class ArbitraryStyleTrainTable(PerceptualTrainTable):
    """``[train]``: photographs, paintings, losses and length of the training.

    A style is learned from as it is and in variants: cut out, mirrored, and with other colours. The losses are those of
    style transfer, each sample's against its own style; by a strength below 1 the ``identity`` loss, the difference of
    the picture from the photograph, takes their place.
    """

    styles: str = Field(BUILTIN, description="the paintings: a folder, or 'builtin' for the one that comes along")
    more_styles: tuple[str, ...] = Field((), strict=False, description="further folders of paintings")
    hold_out_styles: tuple[str, ...] = Field(
        (),
        strict=False,
        description="names of the paintings, such as 'night.jpg', that are not trained on but judged on; without any, "
        "the network is judged on those that it was trained on",
    )
    style_variants: int = Field(
        256,
        ge=1,
        le=100_000,
        description="how many styles are made of the paintings, which are the first of them as they are; "
        "each takes 1.5 MB of memory",
    )
    photographs_as_styles: float = Field(
        0.0, ge=0, le=1, description="share of those styles that are photographs: there are more of them than paintings"
    )
    painted_photographs: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of those styles that are photographs in simulated brush strokes, dots, facets, ink, or as "
        "prints or engravings, half of them in the colours of a painting: they tell what a dozen paintings leave out",
    )
    identity_weight: float = Field(
        10.0, ge=0, description="weight of the mean absolute difference from the photograph / 255, by 1 - strength"
    )


class ArbitraryStyleRecipe(PerceptualRecipe):
    """A recipe of arbitrary style transfer."""

    task: Literal["arbitrary_style"] = Field(description="what the network is for")
    model: ArbitraryStyleModelTable = Field(ArbitraryStyleModelTable(), description="the network")
    train: ArbitraryStyleTrainTable = Field(
        ArbitraryStyleTrainTable(), description="photographs, paintings, losses and length of the training"
    )

    @property
    def judged_on(self) -> str:
        """Photographs with paintings, which are those of the training where none is held out."""
        if self.train.hold_out_styles:
            return super().judged_on
        if self._photographs_are_trained_on:
            return "photographs and paintings that it was trained on"
        return "photographs that nothing was trained on, after paintings that it was trained on"

    @model_validator(mode="after")
    def _shares_leave_room(self) -> Self:
        if self.train.photographs_as_styles + self.train.painted_photographs > 1:
            raise ValueError("train.photographs_as_styles and train.painted_photographs are more than 1 together")
        return self

    @model_validator(mode="after")
    def _names_its_paintings(self) -> Self:
        if self.train.styles == BUILTIN and self.train.hold_out_styles:
            raise ValueError("train.hold_out_styles names paintings of a folder, and train.styles is 'builtin'")
        return self
