"""Recipes of style transfer: its networks, its painting, and the steps through VGG-19."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from export_pipeline.recipe.model import BLOCKS_KIND, BlocksKind, ModelTable
from export_pipeline.recipe.perceptual import LEAST_SIDE, PerceptualRecipe, PerceptualTrainTable
from export_pipeline.recipe.table import BUILTIN, Table

# Filters of the narrowest layer of any network at alpha 1.
LEAST_FILTERS = 32


class StyleModelTable(ModelTable):
    """``[model]``: the network, as in ``models.NETWORKS``."""

    least_filters: ClassVar[int] = LEAST_FILTERS

    network: Literal["johnson", "small", "subpixel"] = Field("small", description="which network")
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
    margin: int = Field(
        0,
        ge=0,
        le=64,
        multiple_of=4,
        description="pixels that the image is mirrored by beyond its edges while the network computes, so that it "
        "paints no frame; subpixel repeats points at a quarter of the resolution instead",
    )
    blocks_kind: BlocksKind = Field("residual", description=BLOCKS_KIND)


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


class StyleTrainTable(PerceptualTrainTable):
    """``[train]``: data, losses and length of the training."""

    # What the pictures are to be like, and what fine-tuning goes on with. Photographs are the recipe's own, but not how
    # they are cut: a network with live norms needs crops as large as those it was trained on.
    kept: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("crop", "batch_size"),
        *(
            (key,)
            for key in (
                *("style", "loss_network", "style_size", "style_scales", "style_loss", "content_layer", "frozen_norm"),
                *("content_weight", "style_weight", "color_weight", "tv_weight", "edge_weight", "short_side"),
                *("weave_weight", "wasserstein_weight", "wasserstein_power"),
                *("stability_weight", "stability_cut", "stability_shift", "stability_light", "loss_border"),
            )
        ),
    )

    style: str = Field(
        BUILTIN,
        description="the style: an image file, or 'builtin' for the painting that comes along; with steps = 0, that "
        "of the warm start",
    )
    polish: PolishTable | None = Field(None, description="last steps with VGG-19 as loss network; none when left out")

    @property
    def trains(self) -> bool:
        """Whether there is a step to train or to polish."""
        return self.steps > 0 or self.polish is not None

    def taking_over(self, made: Self) -> Self:
        """As for every task; what was polished last saw VGG-19 last."""
        last = made if made.polish is None else made.model_copy(update={"loss_network": "vgg19"})
        return super().taking_over(last)


class StyleTransferRecipe(PerceptualRecipe):
    """A recipe of style transfer."""

    may_be_flexible: ClassVar[bool] = True

    task: Literal["style_transfer"] = Field("style_transfer", description="what the network is for")
    model: StyleModelTable = Field(StyleModelTable(), description="the network")
    train: StyleTrainTable = Field(StyleTrainTable(), description="data, losses and length of the training")

    @model_validator(mode="after")
    def _is_the_same_at_every_size(self) -> Self:
        if self.export.flexible and self.model.rho != 1:
            why = f"model.rho is {self.model.rho:g}, and the sizes it scales to would be constants of the file; take 1"
            raise ValueError(f"export.flexible: {why}, or leave flexible out: each size then has a file")
        return self

    @model_validator(mode="after")
    def _has_the_size(self) -> Self:
        least = min(min(sides) for sides in self.export.all_sides)
        if self.model.rho * least < LEAST_SIDE:
            raise ValueError(f"model.rho leaves less than {LEAST_SIDE} of the exported pixels a side")
        if self.model.rho * min(least, self.train.crop) <= self.model.margin:
            raise ValueError(
                f"model.margin is {self.model.margin}, and an image is mirrored by less than its sides; "
                "take a smaller one, or larger images"
            )
        return self
