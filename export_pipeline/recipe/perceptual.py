"""Recipes of the tasks that paint after paintings: photographs, losses, and what pictures are measured by."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from export_pipeline.recipe.table import BUILTIN
from export_pipeline.recipe.train import TrainTable
from export_pipeline.recipe.verify import VerifyTable
from export_pipeline.recipe.whole import Recipe
from export_pipeline.records.metric import Metric

LEAST_SIDE = 16
LAYERS = "relu1_1 .. relu4_1 of VGG-19"
METRICS = (
    Metric(
        name="content_distance",
        title="content",
        better="lower",
        digits=3,
        meaning="distance of the picture's features to the photograph's, at relu3_1 of VGG-19",
        ranks=True,
    ),
    Metric(
        name="content_ratio",
        title="ratio",
        better="lower",
        digits=3,
        meaning="content distance over that to the mirrored photograph: 1 where nothing of the photograph can be told",
        # Published and shipped networks have 0.55 to 0.89, networks at random and noise 0.97 to 1.
        limit=(0.95, "the photograph cannot be told from it"),
    ),
    Metric(
        name="covariance_distance",
        title="covariance",
        better="lower",
        digits=3,
        meaning=f"distance of the covariances of the features to the style's, {LAYERS}",
        ranks=True,
        without="the untouched photograph",
    ),
    Metric(
        name="mean_distance",
        title="mean",
        better="lower",
        digits=3,
        meaning=f"distance of the means of the features to the style's, {LAYERS}",
    ),
    Metric(
        name="sliced_wasserstein_distance",
        title="Wasserstein",
        better="lower",
        digits=3,
        meaning=f"sliced Wasserstein distance of the features to the style's over the photograph's own, {LAYERS}",
    ),
    Metric(
        name="local_distance",
        title="local",
        better="lower",
        digits=3,
        meaning="covariance distance of each patch of the picture to the nearest patch of the style",
    ),
    Metric(
        name="color_distance",
        title="color",
        better="lower",
        digits=1,
        meaning="sliced Wasserstein distance of the pixels to the style's, RGB 0..255",
    ),
    Metric(
        name="weave",
        title="weave",
        better="lower",
        digits=2,
        meaning="power at periods of 4 and 2 pixels over that of the frequencies beside them: about 1 in photographs",
    ),
    Metric(
        name="local_weave",
        title="local-weave",
        better="lower",
        digits=2,
        meaning="what a hundredth of the 48x48 patches exceed of the weave: 1 to 3 in photographs",
    ),
    Metric(
        name="style_distance",
        title="Gram",
        better="lower",
        digits=3,
        meaning=f"distance of the Gram matrices to the style's, {LAYERS}; for comparison with papers",
    ),
)


class PerceptualTrainTable(TrainTable):
    """``[train]``: photographs, losses and length of the training."""

    content: str = Field(BUILTIN, description="the photographs: a folder, or 'builtin' for those that come along")
    more_content: tuple[str, ...] = Field(
        (), strict=False, description="further folders of photographs to train on; none of theirs is held out"
    )
    loss_network: Literal["distilled", "vgg19"] = Field(
        "distilled", description="network whose features the losses compare: the small one that comes along, or VGG-19"
    )
    short_side: tuple[float, float] = Field(
        (1.0, 2.0),
        strict=False,
        description="least and most short side of a photograph before it is cropped, as multiples of crop",
        json_schema_extra={"items": {"type": "number", "minimum": 1, "maximum": 8}},
    )
    style_size: int = Field(512, ge=64, le=4096, description="side that the style image is resized to, pixels")
    style_scales: int = Field(
        1,
        ge=1,
        le=4,
        description="sizes of the picture and of the style, each half of the one before, at which style and "
        "Wasserstein losses compare: smaller ones ask for broad strokes where fine lines would do. The other losses "
        "see the picture at its size",
    )
    content_layer: Literal["relu3_1", "relu4_1"] = Field(
        "relu3_1", description="layer of VGG-19 at which the content loss compares features"
    )
    content_weight: float = Field(1.0, ge=0, description="weight of the content loss")
    style_weight: float = Field(2.0, ge=0, description="weight of the style loss")
    style_loss: Literal["moments", "gram"] = Field(
        "moments",
        description="what the style loss compares: means and covariances of features, or Gram matrices, which are "
        "ruled by the means and are lowered by painting the mean colour",
    )
    color_weight: float = Field(
        0.0, ge=0, description="weight of the colour loss, of means and covariances of pixels and squares of them"
    )
    tv_weight: float = Field(
        0.1, ge=0, description="weight of the total variation loss, the mean absolute difference of neighbours / 255"
    )
    edge_weight: float = Field(3.0, ge=0, description="weight of the loss of the jump at the edges of the image")
    weave_weight: float = Field(
        0.0, ge=0, description="weight of the loss of patterns with a period of 4 pixels, as subpixel networks paint"
    )
    wasserstein_weight: float = Field(
        0.0,
        ge=0,
        description="weight of the sliced Wasserstein loss of features, which sees what moments do not: tails",
    )
    wasserstein_power: Literal[1, 2] = Field(
        2,
        description="the Wasserstein loss is the distance (1), which pulls alike however near a layer has come, or its "
        "square (2), which pulls most where it is far",
    )
    stability_weight: float = Field(
        0.0, ge=0, description="weight of the stability loss: how many times noise of the photograph comes out again"
    )
    stability_cut: int = Field(
        0,
        ge=0,
        le=64,
        multiple_of=4,
        description="pixels along each edge that the photograph with noise lacks: what a network paints at the edges "
        "is then held against what it paints there where the photograph goes on",
    )
    stability_shift: int = Field(
        0,
        ge=0,
        le=8,
        description="pixels that the photograph with noise has moved by, at most: what a network paints should not "
        "depend on where its strides begin",
    )
    stability_light: float = Field(
        0.0, ge=0, le=0.2, description="share, at most, that the photograph with noise is lighter or darker by"
    )
    loss_border: int = Field(
        0,
        ge=0,
        le=64,
        description="pixels along each edge that only the loss of edges looks at: a network that knows where the edges "
        "are paints there the colours that it lacks elsewhere",
    )
    vgg_weights: str | None = Field(
        None, description="file of VGG-19's weights, .h5 of Keras or .npz; cache or download when left out"
    )

    @field_validator("short_side")
    @classmethod
    def _grows(cls, sides: tuple[float, float]) -> tuple[float, float]:
        if not 1 <= sides[0] <= sides[1] <= 8:
            raise ValueError("give the least and the most, between 1 and 8, the least first")
        return sides

    @model_validator(mode="after")
    def _aims_at_something(self) -> Self:
        if self.content_weight == self.style_weight == 0:
            raise ValueError("content_weight and style_weight are both 0, which leaves nothing to learn")
        return self

    @model_validator(mode="after")
    def _can_be_seen_at_every_scale(self) -> Self:
        inner = self.crop - 2 * self.loss_border
        least = min(inner, self.style_size) >> (self.style_scales - 1)
        if self.style_scales > 1 and inner >= LEAST_SIDE > least:
            raise ValueError(
                f"with style_scales {self.style_scales}, crop {self.crop}, loss_border {self.loss_border} and "
                f"style_size {self.style_size}, losses compare images of {least} pixels a side; {LEAST_SIDE} are the "
                "least: raise crop and style_size, or lower style_scales"
            )
        return self


class StyleVerifyTable(VerifyTable):
    """``[verify]``: the photographs to judge on, and tolerances other than the project's own."""

    content: str | None = Field(
        None, description="a folder of photographs to verify on; the held-out or built-in ones when left out"
    )
    judge: Literal["always", "cached"] = Field(
        "always", description="distances by VGG-19: always, or only where its weights need no download"
    )
    show: Literal["held-out", "built-in"] = Field(
        "held-out",
        description="photographs in the report's picture, which is part of the bundle: the first that are verified on, "
        "or built-in ones, which are free to show",
    )


class PerceptualRecipe(Recipe):
    """A recipe whose pictures carry a style and keep a photograph, in the eyes of VGG-19."""

    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    baseline: ClassVar[str] = "photograph"
    gives_pictures: ClassVar[bool] = True

    train: PerceptualTrainTable = Field(
        PerceptualTrainTable(), description="photographs, losses and length of the training"
    )
    verify: StyleVerifyTable = Field(StyleVerifyTable(), description="photographs to verify on, and tolerances")

    @property
    def judged_on(self) -> str:
        """Photographs, which may be those of the training: of a recipe that holds none out."""
        return "photographs that it was trained on" if self._photographs_are_trained_on else super().judged_on

    @property
    def _photographs_are_trained_on(self) -> bool:
        read, own = {self.train.content, *self.train.more_content}, self.verify.content
        return own in read if own is not None else not self.train.hold_out and BUILTIN in read

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        limited = [target for target, budget in self.report.budgets.items() if budget.limits]
        structured = self.compress.structured
        if self.verify.judge == "cached" and (limited or structured.blocks or structured.rounds):
            what = f"budgets of distances ({', '.join(limited)})" if limited else "compress.structured"
            raise ValueError(f"verify.judge is 'cached', but {what} cannot do without VGG-19; use 'always'")
        # A photograph that has moved is smaller by a multiple of 4, as networks take them.
        moved = -(-self.train.stability_shift // 4) * 4
        taken = {"loss_border": 2 * self.train.loss_border, "stability_cut": 2 * self.train.stability_cut + moved}
        for key, pixels in taken.items():
            if self.train.crop - pixels < LEAST_SIDE:
                raise ValueError(f"train.{key} leaves less than {LEAST_SIDE} pixels a side of train.crop")
        return self
