"""``[train]`` of a recipe: data, losses and length of the training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from export_pipeline.recipe.table import BUILTIN, Table


class PolishTable(Table):
    """``[train.polish]``: last steps, after those of ``[train]``, that look through VGG-19 itself.

    Fine-tuning while pruning or clustering, which comes after them, looks through VGG-19 as well, in batches as large.
    """

    steps: int = Field(ge=1, le=10_000_000, description="number of optimizer steps")
    batch_size: int = Field(
        1,
        ge=1,
        le=256,
        description="images of a step; with fewer than cores, no step of the training is split among them",
    )
    learning_rate: float = Field(1e-3, gt=0, le=1, description="learning rate of these steps")


class TrainTable(Table):
    """``[train]``: data, losses and length of the training."""

    style: str = Field(BUILTIN, description="the style: an image file, or 'builtin' for the painting that comes along")
    content: str = Field(BUILTIN, description="the photographs: a folder, or 'builtin' for those that come along")
    loss_network: Literal["distilled", "vgg19"] = Field(
        "distilled", description="network whose features the losses compare: the small one that comes along, or VGG-19"
    )
    steps: int = Field(
        1000, ge=0, le=10_000_000, description="number of optimizer steps; 0 keeps the warm start as it is"
    )
    batch_size: int = Field(2, ge=1, le=256, description="images of a step; fastest with one for each core")
    crop: int = Field(256, ge=32, le=2048, description="side of the square crops of the photographs, pixels")
    short_side: tuple[float, float] = Field(
        (1.0, 2.0),
        strict=False,
        description="least and most short side of a photograph before it is cropped, as multiples of crop",
        json_schema_extra={"items": {"type": "number", "minimum": 1, "maximum": 8}},
    )
    style_size: int = Field(512, ge=64, le=4096, description="side that the style image is resized to, pixels")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="highest learning rate: it rises to it, then falls to 0")
    ema: float = Field(
        0.99, ge=0, lt=1, description="momentum of the moving average of the weights, which is kept; 0 keeps the last"
    )
    content_layer: Literal["relu3_1", "relu4_1"] = Field(
        "relu3_1", description="layer of VGG-19 at which the content loss compares features"
    )
    content_weight: float = Field(1.0, ge=0, description="weight of the content loss")
    style_weight: float = Field(2.0, ge=0, description="weight of the style loss")
    tv_weight: float = Field(
        0.1, ge=0, description="weight of the total variation loss, the mean absolute difference of neighbours / 255"
    )
    edge_weight: float = Field(3.0, ge=0, description="weight of the loss of the jump at the edges of the image")
    polish: PolishTable | None = Field(None, description="last steps with VGG-19 as loss network; none when left out")
    checkpoint_every: int = Field(100, ge=1, description="steps from one checkpoint to the next")
    warm_start: str | None = Field(None, description="a checkpoint file whose weights the training starts from")
    vgg_weights: str | None = Field(
        None, description="file of VGG-19's weights, .h5 of Keras or .npz; cache or download when left out"
    )
    hold_out: int = Field(
        0, ge=0, description="number of last photographs, by name, that are not trained on but kept to verify on"
    )

    @field_validator("short_side")
    @classmethod
    def _grows(cls, sides: tuple[float, float]) -> tuple[float, float]:
        if not 1 <= sides[0] <= sides[1] <= 8:
            raise ValueError("give the least and the most, between 1 and 8, the least first")
        return sides

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if self.steps == 0 and self.warm_start is None:
            raise ValueError("steps is 0 and there is no warm_start, which leaves a random network; give one of them")
        if self.content_weight == self.style_weight == 0:
            raise ValueError("content_weight and style_weight are both 0, which leaves nothing to learn")
        return self
