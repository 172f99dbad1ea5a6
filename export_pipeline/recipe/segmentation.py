"""Recipes of segmentation: its network, data and loss, and what its masks are measured by."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from export_pipeline.recipe.model import BLOCKS_KIND, BlocksKind, ModelTable
from export_pipeline.recipe.table import BUILTIN
from export_pipeline.recipe.train import TrainTable
from export_pipeline.recipe.whole import Recipe
from export_pipeline.records.metric import Metric

# In ``train.images``: slices of the average brain MNI152, with these masks.
MNI152 = "mni152"
TISSUES = ("grey_matter", "white_matter")
# Filters of the widest and the narrowest level of the network, and how often it halves the resolution.
LEAST_FILTERS = 16
STRIDE = 8
METRICS = (
    Metric(
        name="focal_tversky",
        title="Tversky",
        better="lower",
        digits=3,
        meaning="focal Tversky loss, with alpha, beta and gamma of the training",
    ),
    Metric(
        name="dice",
        title="Dice",
        better="higher",
        digits=3,
        meaning="twice the pixels that both masks have over the sum of their pixels, at a threshold of a half",
        ranks=True,
        without="the best constant mask",
    ),
    Metric(
        name="iou",
        title="IoU",
        better="higher",
        digits=3,
        meaning="pixels that both masks have over those that one of them has, at a threshold of a half",
    ),
    Metric(
        name="foreground_share",
        title="foreground",
        better="neither",
        digits=3,
        meaning="share of the pixels that are in the mask, at a threshold of a half",
        # An 8-bit network that paints nothing can be near the float network by PSNR, where little is foreground.
        within=0.02,
    ),
)


class SegmentationModelTable(ModelTable):
    """``[model]``: the network, as in ``models.NETWORKS``."""

    least_filters: ClassVar[int] = LEAST_FILTERS

    network: Literal["unet"] = Field("unet", description="which network")
    alpha: float = Field(
        1.0,
        gt=0,
        le=4,
        description="width multiplier: share of the filters of each layer",
        json_schema_extra={"minimum": 1 / LEAST_FILTERS},
    )
    norm: Literal["instance", "batch"] = Field(
        "batch", description="normalization after each convolution: by the image's own statistics, or by fixed ones"
    )
    blocks_kind: BlocksKind = Field("residual", description=BLOCKS_KIND)


class SegmentationTrainTable(TrainTable):
    """``[train]``: data, loss and length of the training.

    Crops are mirrored at random. The loss is the focal Tversky loss (Abraham and Khan, 2019): with TP, FN and FP the
    sums over the pixels of what is right, missed and too much, ``(1 - TP / (TP + alpha FN + beta FP)) ^ (1 / gamma)``.
    """

    kept: ClassVar[tuple[tuple[str, ...], ...]] = (("images", "masks", "hold_out"), ("alpha",), ("beta",), ("gamma",))

    images: str = Field(
        BUILTIN,
        description="the pictures: a folder, 'builtin' for coins that come along, or 'mni152' for slices of a brain "
        "(fetched once, 11.5 MB)",
    )
    masks: str | None = Field(
        None,
        description="a folder with a black and white image of the same stem and size for each picture, white where "
        "above half; for 'mni152' grey_matter or white_matter; the built-in pictures have their own",
    )
    hold_out: int = Field(
        2, ge=1, description="number of last images, by name, that are not trained on but kept to verify on"
    )
    short_side: tuple[float, float] = Field(
        (1.0, 1.5),
        strict=False,
        description="least and most short side of a picture before it is cropped, as multiples of crop",
        json_schema_extra={"items": {"type": "number", "minimum": 1, "maximum": 8}},
    )
    alpha: float = Field(0.7, ge=0, le=10, description="weight of pixels that the mask misses")
    beta: float = Field(0.3, ge=0, le=10, description="weight of pixels that the mask has too much")
    gamma: float = Field(
        4 / 3, ge=0.1, le=10, description="above 1, samples that are nearly right still count; 1 is the Tversky loss"
    )

    @field_validator("short_side")
    @classmethod
    def _grows(cls, sides: tuple[float, float]) -> tuple[float, float]:
        if not 1 <= sides[0] <= sides[1] <= 8:
            raise ValueError("give the least and the most, between 1 and 8, the least first")
        return sides

    @model_validator(mode="after")
    def _has_masks(self) -> Self:
        if self.images == BUILTIN and self.masks is not None:
            raise ValueError("the built-in images have masks of their own; leave masks out, or name a folder of images")
        if self.images == MNI152 and self.masks not in TISSUES:
            raise ValueError(f"masks is {self.masks!r}; for images 'mni152' it must be {' or '.join(TISSUES)}")
        if self.images not in (BUILTIN, MNI152) and self.masks is None:
            raise ValueError("masks is missing; name the folder that has a mask for each of the images")
        if self.alpha == self.beta == 0:
            raise ValueError("alpha and beta are both 0, which leaves nothing to learn")
        return self


class SegmentationRecipe(Recipe):
    """A recipe of segmentation."""

    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    baseline: ClassVar[str] = "constant mask"

    task: Literal["segmentation"] = Field(description="what the network is for")
    model: SegmentationModelTable = Field(SegmentationModelTable(), description="the network")
    train: SegmentationTrainTable = Field(SegmentationTrainTable(), description="data, loss and length of the training")

    @model_validator(mode="after")
    def _is_halved_without_rest(self) -> Self:
        sides = [pair for sides in self.export.all_sides for pair in zip(("height", "width"), sides, strict=True)]
        for name, side in sides:
            if side % STRIDE:
                nearest = max(STRIDE, round(side / STRIDE) * STRIDE)
                raise ValueError(
                    f"export.{name} is {side}; a U-Net needs a multiple of {STRIDE}, the nearest: {nearest}"
                )
        return self
