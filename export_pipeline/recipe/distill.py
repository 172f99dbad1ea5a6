"""What a user writes to have a loss network distilled: a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr, ValidationError, model_validator
from typing_extensions import Self

from export_pipeline.errors import RecipeError
from export_pipeline.recipe.reading import expanded_path, read_toml
from export_pipeline.recipe.table import BUILTIN, NAME_PATTERN, Table
from export_pipeline.recipe.wording import sentence

# Short side of the resized image that a crop is cut from, pixels: what styles are trained and used at.
SHORT_SIDE = (256, 512)
DECODED = 16  # pixels a side that the deepest decoder makes of one position


class Phase(Table):
    """A part of the training with crops of one size."""

    steps: int = Field(ge=1, le=10_000_000, description="number of optimizer steps")
    crop: int = Field(128, ge=32, le=SHORT_SIDE[0], description="side of the square crops, pixels")
    batch_size: int = Field(8, ge=1, le=256, description="crops of a step")
    learning_rate: float | None = Field(
        None,
        gt=0,
        le=1,
        description="learning rate at the start of a cosine that falls to 0; when left out, the cosine of the phase "
        "before goes on",
    )
    embedding_weight: float = Field(
        1.0, ge=0, description="weight of the errors of the features that are embedded in VGG-19's"
    )
    collaborator_weight: float = Field(
        0.0,
        ge=0,
        description="weight of the error of what VGG-19's decoders rebuild of the embedded features; needs decoders, "
        "edges = 'repeated' and a crop that is a multiple of 16",
    )
    painted: float = Field(
        0.0, ge=0, le=1, description="share of the crops that one of the style networks has stylized before"
    )
    gram_weight: float = Field(
        0.0,
        ge=0,
        description="weight of the errors of Gram matrices at relu1_1 .. relu4_1, added to those of the features; if "
        "the last phase has one, or a collaborator_weight, the embeddings stay as they were learned, else least "
        "squares fits them at the end",
    )

    @property
    def fits_embeddings(self) -> bool:
        """Whether least squares may follow. It shrinks what it cannot predict, and with it all that is made of it."""
        return not (self.gram_weight or self.collaborator_weight)

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if not (self.embedding_weight or self.gram_weight or self.collaborator_weight):
            raise ValueError("embedding_weight, gram_weight and collaborator_weight are all 0; one must be above 0")
        return self


class DistillRecipe(Table):
    """How to make a loss network. ``DistillRecipe.load(path)`` reads TOML; relative paths start at its folder."""

    name: str = Field("loss_network", pattern=NAME_PATTERN, description="name of the loss network")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of all that is random: order and crops")
    width: float = Field(0.25, gt=0, le=1, description="share of each layer's filters of VGG-19 that is kept")
    baseline: bool = Field(False, description="also train the kept filters without an embedding, to compare with")
    start: str | None = Field(
        None,
        description="distilled network to go on from, a .weights file, or 'distilled' for the one that comes along; "
        "the filters of VGG-19 of largest L1 norm when left out",
    )
    edges: Literal["zeros", "repeated"] = Field(
        "zeros",
        description="what kernels see beyond the edges: zeros, as VGG-19 and the losses have it, or the outermost "
        "pixels repeated, as whitening and its decoders have it",
    )
    decoders: str | None = Field(
        None,
        description="mirrored decoders of VGG-19, a .weights file, which phases with a collaborator_weight ask; "
        "python -m export_pipeline.universal decoders --encoder vgg19 trains them",
    )
    content: str = Field(BUILTIN, description="the photographs: a folder, or 'builtin' for those that come along")
    paintings: str = Field(BUILTIN, description="the paintings: a folder, or 'builtin' for those that come along")
    style_networks: tuple[str, ...] = Field(
        (),
        strict=False,
        description="checkpoint files of style networks, which stylize the share of crops that a phase calls painted",
    )
    hold_out: int = Field(2, ge=1, description="number of last photographs, by name, that are kept to measure on")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="learning rate of a first phase that names none")
    checkpoint_every: int = Field(200, ge=1, description="steps from one checkpoint to the next")
    bits: int = Field(8, ge=1, le=8, description="bits of each clustered weight in the file")
    vgg_weights: str | None = Field(
        None, description="file of VGG-19's weights, .h5 of Keras or .npz; cache or download when left out"
    )
    phases: tuple[Phase, ...] = Field(
        (Phase(steps=1000),),
        strict=False,
        min_length=1,
        description="parts of the training, in this order; one of 1000 steps when left out",
    )

    @model_validator(mode="after")
    def _has_style_networks(self) -> Self:
        painted = any(phase.painted for phase in self.phases)
        if painted and not self.style_networks:
            raise ValueError("a phase has painted crops, but style_networks is empty; name checkpoint files there")
        if self.style_networks and not painted:
            raise ValueError("style_networks is given, but no phase has painted crops; add a share, as painted = 0.5")
        return self

    @model_validator(mode="after")
    def _has_decoders(self) -> Self:
        asking = [phase for phase in self.phases if phase.collaborator_weight]
        if asking and self.decoders is None:
            raise ValueError("a phase has a collaborator_weight, but decoders is not given; name a .weights file there")
        if self.decoders is not None and not asking:
            raise ValueError("decoders is given, but no phase has a collaborator_weight; add one, as 1.0")
        if asking and self.edges != "repeated":
            raise ValueError('a phase has a collaborator_weight, whose decoders need edges = "repeated"')
        if odd := [phase.crop for phase in asking if phase.crop % DECODED]:
            raise ValueError(f"crop is {odd[0]} with a collaborator_weight; it must be a multiple of {DECODED}")
        return self

    @model_validator(mode="after")
    def _has_no_needless_baseline(self) -> Self:
        if self.baseline and (self.start is not None or self.decoders is not None):
            raise ValueError("baseline has filters of VGG-19 and no embedding: no start and no decoders go with it")
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
            said = "; ".join(sentence(dict(each), cls) for each in error.errors())
            raise RecipeError(f"{path}: {said}") from error
        recipe._folder = path.parent
        return recipe
