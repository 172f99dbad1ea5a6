"""``[train]`` of a recipe: what the trainings of all tasks have in common."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator
from typing_extensions import Self

from export_pipeline.recipe.table import Table


class TrainTable(Table):
    """``[train]``: length and pace of the training; each task adds its data and its losses."""

    # Keys that stay with a network which is taken over as it is, in groups that say one thing together.
    kept: ClassVar[tuple[tuple[str, ...], ...]] = ()

    steps: int = Field(
        1000, ge=0, le=10_000_000, description="number of optimizer steps; 0 keeps the warm start as it is"
    )
    batch_size: int = Field(2, ge=1, le=256, description="images of a step; fastest with one for each core")
    crop: int = Field(
        256,
        ge=32,
        le=2048,
        description="side of the square crops of the images, pixels; a network with instance norm, whose statistics "
        "are those of all that it sees, needs large ones, of 336 pixels or more",
    )
    learning_rate: float = Field(2e-3, gt=0, le=1, description="highest learning rate: it rises to it, then falls to 0")
    ema: float = Field(
        0.99, ge=0, lt=1, description="momentum of the moving average of the weights, which is kept; 0 keeps the last"
    )
    checkpoint_every: int = Field(100, ge=1, description="steps from one checkpoint to the next")
    frozen_norm: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the steps, the last ones, in which batch norm computes with its moving statistics, as "
        "it does once it is exported",
    )
    warm_start: str | None = Field(
        None,
        description="a checkpoint file whose weights the training starts from; "
        "its network may have had another margin and rho",
    )
    hold_out: int = Field(
        0, ge=0, description="number of last images, by name, that are not trained on but kept to verify on"
    )

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if self.steps == 0 and self.warm_start is None:
            raise ValueError("steps is 0 and there is no warm_start, which leaves a random network; give one of them")
        return self

    @property
    def trains(self) -> bool:
        """Whether there is a step to train; else the warm start is taken over as it is."""
        return self.steps > 0

    @property
    def inherited(self) -> tuple[str, ...]:
        """The keys of :attr:`kept` that this table leaves to the warm start: it names none of their group."""
        return tuple(key for group in self.kept if not self.model_fields_set & set(group) for key in group)

    def taking_over(self, made: Self) -> Self:
        """This table with what *made*, that trained the network, says of it, where this one says nothing itself."""
        return self.model_copy(update={key: getattr(made, key) for key in self.inherited})
