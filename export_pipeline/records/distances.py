"""The noun that the judge of style transfer gives: how far a picture is from its photograph and from the style."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import Self

DIGITS = 6


class Distances(BaseModel):
    """What a picture is like; smaller is better for all. Means over several pictures are rounded to a millionth.

    A value that is not finite stays as it is; whoever checks one refuses it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    content_distance: float = Field(description="||F(y) - F(c)|| / ||F(c)|| to the photograph c at relu3_1")
    style_distance: float = Field(description="of Gram matrices, mean over relu1_1 .. relu4_1")
    covariance_distance: float = Field(description="of the covariances of the features, mean over the same layers")
    mean_distance: float = Field(description="of the means of the features, mean over the same layers")
    sliced_wasserstein_distance: float = Field(
        description="along 64 directions at each layer, over that of the untouched photograph, mean over the layers"
    )
    local_distance: float = Field(
        description="mean over 96x96 patches of the covariance distance to the style's nearest"
    )
    content_ratio: float = Field(
        description="content distance over that to the mirrored photograph: 1 where nothing of it can be told"
    )
    color_distance: float = Field(description="sliced 2-Wasserstein distance of the pixels, RGB 0..255")

    weave: float = Field(
        description="power at periods of 4 and 2 pixels over that of frequencies beside them: about 1 in photographs"
    )
    local_weave: float = Field(
        description="what a hundredth of the 48x48 patches exceed of the same: 1 to 3 in photographs"
    )

    @classmethod
    def mean(cls, found: Sequence[Self]) -> Self:
        """The mean of one or more, to a millionth."""
        names = list(cls.model_fields)
        values = np.mean([[getattr(one, name) for name in names] for one in found], axis=0)
        return cls(**{name: round(float(value), DIGITS) for name, value in zip(names, values, strict=True)})
