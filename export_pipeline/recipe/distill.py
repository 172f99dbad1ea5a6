"""What a user writes to have a loss network distilled: a TOML file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, PrivateAttr, ValidationError, model_validator
from typing_extensions import Self

from export_pipeline.errors import RecipeError
from export_pipeline.recipe import BUILTIN, expanded_path, read_toml, sentence
from export_pipeline.recipe.table import Table

LOG_EVERY = 50
# Short side of the resized image that a crop is cut from, pixels: what styles are trained and used at.
SHORT_SIDE = (256, 512)


class Phase(Table):
    """A part of the training with crops of one size."""

    steps: int = Field(ge=1, le=10_000_000)
    crop: int = Field(128, ge=32, le=SHORT_SIDE[0], description="side of the square crops, pixels")
    batch_size: int = Field(8, ge=1, le=256)
    learning_rate: float | None = Field(
        None, gt=0, le=1, description="the peak of a new cosine; a phase without goes on with that of the one before"
    )
    painted: float = Field(0.0, ge=0, le=1, description="share of the crops that one of the painters has painted")
    gram_weight: float = Field(
        0.0,
        ge=0,
        description="of the errors of the Gram matrices at relu1_1 .. relu4_1, beside those of the features; where the "
        "last phase has one, the embeddings stay as they were learned, else least squares fits them at the end",
    )


class DistillRecipe(Table):
    """How to make a loss network. ``DistillRecipe.load(path)`` reads TOML; relative paths start at its folder."""

    name: str = Field("loss_network", pattern=r"^[a-z0-9][a-z0-9_]{0,63}$", description="names the file")
    seed: int = Field(0, ge=0, lt=2**31)
    width: float = Field(0.25, gt=0, le=1, description="share of each layer's filters")
    baseline: bool = Field(False, description="train the kept filters without embedding beside, to compare with")
    content: str = Field(BUILTIN, description="a folder of photographs, or 'builtin'")
    paintings: str = Field(BUILTIN, description="a folder of paintings, or 'builtin'")
    painters: tuple[str, ...] = Field(
        (), strict=False, description="checkpoints of style networks, of whose pictures phases may have a share"
    )
    hold_out: int = Field(2, ge=1, description="last photographs of the folder, by name, kept for measuring")
    learning_rate: float = Field(1e-3, gt=0, le=1)
    checkpoint_every: int = Field(200, ge=1, description="steps between two checkpoints")
    bits: int = Field(8, ge=1, le=8, description="of the clustered weights in the file")
    vgg_weights: str | None = Field(None, description="the teacher's weights, .h5 of Keras or .npz; else the release")
    phases: tuple[Phase, ...] = Field((Phase(steps=1000),), strict=False, min_length=1)

    @model_validator(mode="after")
    def _logs_whole(self) -> Self:
        if self.checkpoint_every % LOG_EVERY:
            raise ValueError(f"checkpoint_every is {self.checkpoint_every}; it must be a multiple of {LOG_EVERY}")
        return self

    @model_validator(mode="after")
    def _has_painters(self) -> Self:
        painted = any(phase.painted for phase in self.phases)
        if painted and not self.painters:
            raise ValueError("a phase has painted crops, but painters is empty; name checkpoints of style networks")
        if self.painters and not painted:
            raise ValueError("painters are named, but no phase has painted crops; give one a share, as painted = 0.5")
        return self

    _folder: Path = PrivateAttr(default=Path())

    @property
    def steps(self) -> int:
        """Steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    def path(self, written: str) -> Path:
        """The path that *written*, as it stands in the recipe, means."""
        return expanded_path(self._folder, written)

    @classmethod
    def load(cls, path: Path | str) -> DistillRecipe:
        """Read a recipe file.

        Raises:
            RecipeError: it is missing, not TOML, has an unknown key or a value out of range.
        """
        path = Path(path)
        try:
            recipe = cls.model_validate(read_toml(path))
        except ValidationError as error:
            raise RecipeError("; ".join(f"{path}: {sentence(dict(e), cls)}" for e in error.errors())) from error
        recipe._folder = path.parent
        return recipe
