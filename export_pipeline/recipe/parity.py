"""Recipes of parity: a network from a file, which is compressed, exported and compared, and not trained."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, WithJsonSchema, field_validator, model_validator
from typing_extensions import Self

from export_pipeline.recipe.export import ExportTable, Size
from export_pipeline.recipe.model import AnyModelTable
from export_pipeline.recipe.report import Budget
from export_pipeline.recipe.train import TrainTable
from export_pipeline.recipe.verify import VerifyTable
from export_pipeline.recipe.whole import Recipe
from export_pipeline.records.metric import Metric
from export_pipeline.records.parity import ParityResult

AS_STORED = (0.0, 255.0)  # pixels of an image as files have it
RANDOM = "random"  # in ``verify.samples``: made by the signature
NO_OBJECTIVE = (
    "task 'parity' has no objective, so that nothing is trained: {key} needs one. Leave it out, and train the network "
    "before it is saved; clustering (compress.bits, plan or weight_bytes) and every target work without."
)
_ZEROS = "an output of zeros"
DEVIATION = Metric(
    name="deviation",
    title="deviation",
    better="lower",
    digits=4,
    meaning="distance of the outputs to those of the network in the file, over the length of those",
    ranks=True,
    without=_ZEROS,
)
_PAIR: dict[str, Any] = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
# Names of ports become names of arguments in TensorFlow's functions.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_METRIC = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
# Keys of records and budgets, which the metric would be mistaken for.
_TAKEN = {DEVIATION.name, *Budget.model_fields, *ParityResult.model_fields}


class ParityModelTable(AnyModelTable):
    """``[model]``: the file of the network, and what it does not tell of its inputs and outputs."""

    file: str = Field(
        description="the network: a .keras archive or whole .h5 file of Keras 2 or 3, or a SavedModel folder of Keras 2"
    )
    pixels: tuple[float, float] | None = Field(
        None,
        strict=False,
        description="what black and white are to inputs that take images, such as [0, 255], [0, 1] or [-1, 1]; with "
        "[0, 255] Core ML files take RGB images as they are",
        json_schema_extra={"items": {"type": "number"}},
    )
    scale_pixels: bool = Field(
        False,
        description="put a layer before each input of RGB images that brings 0..255 to what pixels says, so that Core "
        "ML files take images and TFLite ones bytes; the network in the file takes what it takes",
    )
    ranges: dict[str, Annotated[tuple[float, float], WithJsonSchema(_PAIR)]] = Field(
        default_factory=dict, description="least and greatest value of an input, by name, for random samples"
    )
    inputs: tuple[str, ...] = Field((), strict=False, description="names for the inputs, in the network's order")
    outputs: tuple[str, ...] = Field((), strict=False, description="names for the outputs, in the network's order")

    @field_validator("ranges", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: tuple(each) if isinstance(each, list) else each for key, each in value.items()}

    @field_validator("pixels", "ranges")
    @classmethod
    def _in_order(cls, value: Any) -> Any:
        for pair in value.values() if isinstance(value, dict) else [value]:
            if pair is not None and not pair[0] < pair[1]:
                raise ValueError("give the least and the greatest value, the least first")
        return value

    @model_validator(mode="after")
    def _scales_something(self) -> Self:
        if self.scale_pixels and self.pixels in (None, AS_STORED):
            raise ValueError(
                "scale_pixels has no effect without pixels other than [0, 255]; give them, or leave it out"
            )
        return self

    @field_validator("inputs", "outputs")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name for a port; begin with a letter, and use letters, digits and _")
        return value


class ParityExportTable(ExportTable):
    """``[export]``: the files to make, and the sizes that the network leaves open."""

    height: int = Field(256, ge=1, le=4096, description="height of images, pixels, where the network takes any")
    width: int = Field(256, ge=1, le=4096, description="width of images, pixels, where the network takes any")
    sizes: tuple[Size, ...] = Field(
        (),
        strict=False,
        max_length=0,
        description="none: a network of your own has one",
        json_schema_extra={"maxItems": 0},
    )
    flexible: bool = Field(False, description="no: a network of your own has one size")
    length: int | None = Field(None, ge=1, le=100_000, description="steps of a series, where the network takes any")

    @model_validator(mode="after")
    def _flexible_files_have_several_sizes(self) -> Self:
        if self.flexible:
            raise ValueError("flexible is of several sizes, and a network of your own has one; leave it out")
        return self

    @field_validator("height", "width")
    @classmethod
    def _multiple_of_four(cls, side: int) -> int:
        return side  # what a size must be, the network says


class ParityVerifyTable(VerifyTable):
    """``[verify]``: samples, a metric of your own, and tolerances other than the project's own."""

    samples: str = Field(
        RANDOM,
        description="what the files are run on: a folder of images, an .npz with an array for each input, or 'random'",
    )
    hold_out: int = Field(
        4, ge=1, description="number of last samples, by name, that are verified on; the others calibrate int8 files"
    )
    metric: str | None = Field(
        None,
        description="package.module:function, beside the recipe or installed, that measures one (tasks/README.md)",
    )
    better: Literal["lower", "higher"] | None = Field(None, description="which values of the metric are better")
    baseline: Literal["zeros", "none"] = Field(
        "zeros", description="what a file must be better than by the metric: outputs of zeros, or nothing"
    )

    @model_validator(mode="after")
    def _has_an_effect(self) -> Self:
        if self.metric is None:
            if self.better is not None or self.baseline != "zeros":
                raise ValueError("better and baseline have no effect without metric; give it, or leave them out")
            return self
        if not _METRIC.fullmatch(self.metric):
            raise ValueError(f"metric is {self.metric!r}; it must be package.module:function")
        if self.better is None:
            raise ValueError("better is missing; say whether 'lower' or 'higher' values of the metric are better")
        if self.own_metric and self.own_metric.name in _TAKEN:
            raise ValueError(f"metric is called {self.own_metric.name}, as a budget is; give the function another name")
        return self

    @property
    def own_metric(self) -> Metric | None:
        """The row of the user's metric."""
        if self.metric is None or self.better is None:
            return None
        name = self.metric.rpartition(":")[2]
        without = _ZEROS if self.baseline == "zeros" else ""
        return Metric(name, name, self.better, 4, f"by {self.metric}", without=without)


class _Metrics:
    """The rows of the class, and of a recipe with those of its own."""

    def __get__(self, recipe: ParityRecipe | None, kind: type[ParityRecipe]) -> tuple[Metric, ...]:
        own = recipe.verify.own_metric if recipe is not None else None
        return (DEVIATION, own) if own else (DEVIATION,)


class ParityRecipe(Recipe):
    """A recipe of parity."""

    metrics: ClassVar[tuple[Metric, ...]] = cast("tuple[Metric, ...]", _Metrics())
    baseline: ClassVar[str] = "zeros"
    takes_own_metric: ClassVar[bool] = True
    may_be_compressed: ClassVar[bool] = True
    # Nothing is trained; who asks for the length of the training is told so.
    train: ClassVar[TrainTable] = TrainTable.model_construct(steps=0)  # type: ignore[misc]

    task: Literal["parity"] = Field(description="what the network is for")
    model: ParityModelTable = Field(description="the network")
    export: ParityExportTable = Field(ParityExportTable(), validate_default=True, description="the files to make")
    verify: ParityVerifyTable = Field(ParityVerifyTable(), description="samples to verify on, and tolerances")

    @property
    def judged_on(self) -> str:
        """Samples that calibrated nothing; what the network learned from, the pipeline has not seen."""
        return "samples that calibrated nothing; what the network learned from is not known"

    @model_validator(mode="before")
    @classmethod
    def _trains_nothing(cls, data: Any) -> Any:
        if isinstance(data, dict) and "train" in data:
            raise ValueError(NO_OBJECTIVE.format(key="[train]"))
        if isinstance(data, dict) and "model" not in data:
            raise ValueError('model.file is missing; name the network: file = "network.keras"')
        return data

    @model_validator(mode="after")
    def _needs_no_objective(self) -> Self:
        for key in self.compress.learns:
            raise ValueError(NO_OBJECTIVE.format(key=key))
        return self
