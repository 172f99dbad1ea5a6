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

    steps: int = Field(ge=1, le=10_000_000)
    batch_size: int = Field(1, ge=1, le=256, description="below the number of cores it keeps all steps from shares")
    learning_rate: float = Field(1e-3, gt=0, le=1)


class TrainTable(Table):
    """``[train]``: data, losses and length of the training."""

    style: str = Field(BUILTIN, description="an image file, or 'builtin'")
    content: str = Field(BUILTIN, description="a folder of photographs, or 'builtin'")
    loss_network: Literal["distilled", "vgg19"] = Field(
        "distilled", description="what the losses are taken with: the small network that comes along, or VGG-19"
    )
    steps: int = Field(1000, ge=0, le=10_000_000, description="optimizer steps; 0 keeps the warm start as it is")
    batch_size: int = Field(2, ge=1, le=256, description="fastest with an image for each core, also in the polish")
    crop: int = Field(256, ge=32, le=2048, description="side of the square crops, pixels")
    short_side: tuple[float, float] = Field(
        (1.0, 2.0), strict=False, description="short side of the resized photographs, in crops: between these"
    )
    style_size: int = Field(512, ge=64, le=4096, description="side that the style image is resized to, pixels")
    learning_rate: float = Field(2e-3, gt=0, le=1)
    ema: float = Field(
        0.99, ge=0, lt=1, description="momentum of the moving average of the weights, which is kept; 0 keeps the last"
    )
    content_layer: Literal["relu3_1", "relu4_1"] = "relu3_1"
    content_weight: float = Field(1.0, ge=0)
    style_loss: Literal["moments", "gram"] = Field(
        "moments",
        description="of means and covariances of features, or of Gram matrices, which paint the mean colour first",
    )
    style_weight: float = Field(2.0, ge=0)
    color_weight: float = Field(0.0, ge=0, description="of the colours: mean and covariance of the pixels")
    tv_weight: float = Field(0.1, ge=0, description="of the total variation, mean absolute difference / 255")
    edge_weight: float = Field(3.0, ge=0, description="of the jump at the edges of the image")
    polish: PolishTable | None = Field(None, description="last steps with VGG-19 as loss network; none when left out")
    checkpoint_every: int = Field(100, ge=1, description="steps between two checkpoints")
    warm_start: str | None = Field(None, description="a checkpoint file to start from")
    vgg_weights: str | None = Field(None, description="of VGG-19, .h5 of Keras or .npz; else cache or download")
    hold_out: int = Field(0, ge=0, description="last files of the content folder, by name, kept for verification")

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
