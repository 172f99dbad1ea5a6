"""What a user writes: a TOML file with a table for the network and one for each stage."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, PrivateAttr, ValidationError, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from export_pipeline.compress_table import CompressTable
from export_pipeline.errors import RecipeError, near
from export_pipeline.signature import ImageSignature
from export_pipeline.table import Table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BUILTIN = "builtin"
# Filters of the narrowest layer of any network at alpha 1.
LEAST_FILTERS = 32
LEAST_SIDE = 16
# What fits every network.
DEFAULT_TARGETS = (
    "mlpackage-int8",
    "mlpackage-fp16",
    "mlmodel-int8",
    "tflite-fp16",
    "tflite-dynamic",
    "tflite-int8",
    "onnx-fp32",
)
# What holds the tables of a clustered network, and what the zeros of a pruned one.
CLUSTERED_TARGETS = ("mlpackage-palettized", "mlmodel-palettized", "mlpackage-joint")
PRUNED_TARGETS = ("mlpackage-sparse", "mlpackage-joint")
TARGETS = (*DEFAULT_TARGETS, "mlpackage-palettized", "mlmodel-palettized", "mlpackage-sparse", "mlpackage-joint")


def default_targets(compress: CompressTable) -> tuple[str, ...]:
    """What a recipe makes that names no targets: what fits every network, and what carries its tables and zeros."""
    idle = {*(() if compress.clusters else CLUSTERED_TARGETS), *(() if compress.prunes else PRUNED_TARGETS)}
    return tuple(target for target in TARGETS if target not in idle)


class ModelTable(Table):
    """``[model]``: the network, as in ``models.NETWORKS``."""

    network: Literal["johnson", "small"] = "small"
    alpha: float = Field(0.3, gt=0, le=4, description="width multiplier")
    rho: float = Field(1.0, gt=0, le=1, description="resolution multiplier")
    blocks: int | None = Field(None, ge=0, le=16, description="residual blocks; the network's own number when left out")
    norm: Literal["instance", "batch"] = "instance"
    widths: dict[str, int] = Field(
        default_factory=dict, description="filters of single convolutions, by layer name, instead of those of alpha"
    )

    @field_validator("alpha")
    @classmethod
    def _leaves_filters(cls, alpha: float) -> float:
        if alpha < 1 / LEAST_FILTERS:
            raise ValueError(f"it leaves a layer without filters; it must be {1 / LEAST_FILTERS:g} or more")
        return alpha


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
    style_weight: float = Field(2.0, ge=0)
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


class ExportTable(Table):
    """``[export]``: the files to make, and the image size that they take."""

    height: int = Field(256, ge=16, le=4096)
    width: int = Field(256, ge=16, le=4096)
    # Of a recipe without them: see default_targets. TOML has lists only.
    targets: tuple[str, ...] = Field(DEFAULT_TARGETS, strict=False)
    calibration_images: int = Field(16, ge=1, le=1000, description="training photographs that set int8 ranges")

    @field_validator("targets")
    @classmethod
    def _known(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        if not targets or len(set(targets)) < len(targets):
            raise ValueError("name at least one target, each once")
        for target in targets:
            if target not in TARGETS:
                raise ValueError(f"unknown target {target!r}; {near(target, TARGETS)}")
        return targets

    @field_validator("height", "width")
    @classmethod
    def _multiple_of_four(cls, side: int) -> int:
        if side % 4:
            raise ValueError(f"{side} is not a multiple of 4, as two strides of 2 need; nearest: {round(side / 4) * 4}")
        return side


class VerifyTable(Table):
    """``[verify]``: the photographs to judge on, and tolerances other than the project's own."""

    images: int = Field(6, ge=1, le=1000, description="validation photographs at most")
    content: str | None = Field(
        None, description="a folder of validation photographs; else the held-out or built-in ones"
    )
    judge: Literal["always", "cached"] = Field(
        "always", description="style and content by VGG-19: fetched if need be, or only where it is at hand"
    )
    min_psnr: dict[str, float] = Field(default_factory=dict, description="dB by target, instead of the tolerance")

    @field_validator("min_psnr")
    @classmethod
    def _targets(cls, value: dict[str, float]) -> dict[str, float]:
        return _by_target(value)


class Budget(Table):
    """Limits of one target. A file over any of them fails the build."""

    bytes: int | None = Field(None, gt=0, description="most bytes as the file lies")
    deflated_bytes: int | None = Field(None, gt=0, description="most bytes deflated")
    fps_ratio: float | None = Field(
        None, gt=0, description="least FPS as a multiple of the float Keras network's, same run"
    )
    style_distance: float | None = Field(None, gt=0, description="most style distance")
    content_distance: float | None = Field(None, gt=0, description="most content distance")
    ssim: float | None = Field(None, gt=0, le=1, description="least SSIM to the float network's output")
    peak_memory_bytes: int | None = Field(None, gt=0, description="most resident bytes of a fresh process")

    @property
    def judged(self) -> bool:
        """Whether any limit is one of a distance in the eyes of VGG-19."""
        return self.style_distance is not None or self.content_distance is not None


class ReportTable(Table):
    """``[report]``: how to measure, and the budgets."""

    runs: int = Field(30, ge=30, le=10_000, description="timed runs of each file")
    budgets: dict[str, Budget] = Field(default_factory=dict, description="by target")

    @field_validator("budgets")
    @classmethod
    def _targets(cls, value: dict[str, Budget]) -> dict[str, Budget]:
        return _by_target(value)


def _by_target(value: dict[str, Any]) -> dict[str, Any]:
    for target in value:
        if target not in TARGETS:
            raise ValueError(f"unknown target {target!r}; {near(target, TARGETS)}")
    return value


class Recipe(Table):
    """One recipe. ``Recipe.load(path)`` reads TOML; relative paths in it are relative to its folder."""

    name: str = Field("stylized", pattern=r"^[a-z0-9][a-z0-9_]{0,63}$", description="names the bundle and its files")
    seed: int = Field(0, ge=0, lt=2**31)
    model: ModelTable = ModelTable()
    train: TrainTable = TrainTable()
    compress: CompressTable = CompressTable()
    export: ExportTable = Field(ExportTable(), validate_default=True)
    verify: VerifyTable = VerifyTable()
    report: ReportTable = ReportTable()

    @field_validator("export")
    @classmethod
    def _carries_what_compression_leaves(cls, export: ExportTable, info: ValidationInfo) -> ExportTable:
        if "targets" in export.model_fields_set or "compress" not in info.data:  # without: it has an error of its own
            return export
        return export.model_copy(update={"targets": default_targets(info.data["compress"])})

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for table, named in (("verify.min_psnr", self.verify.min_psnr), ("report.budgets", self.report.budgets)):
            for target in named:
                if target not in self.export.targets:
                    raise ValueError(f"{table} names {target}, which export.targets does not make")
        for kept, needed, targets in (
            (self.compress.clusters, "compress.bits, plan or weight_bytes", CLUSTERED_TARGETS),
            (self.compress.prunes, "compress.schedule", PRUNED_TARGETS),
        ):
            idle = [target for target in self.export.targets if target in targets]
            if idle and not kept:
                raise ValueError(
                    f"export.targets has {', '.join(idle)}, which needs {needed}; give it, or leave it out"
                )
        limited = [target for target, budget in self.report.budgets.items() if budget.judged]
        structured = self.compress.structured
        if self.verify.judge == "cached" and (limited or structured.blocks or structured.rounds):
            what = f"budgets of distances ({', '.join(limited)})" if limited else "compress.structured"
            raise ValueError(f"verify.judge is 'cached', but {what} cannot do without VGG-19; use 'always'")
        if self.model.rho * min(self.export.height, self.export.width) < LEAST_SIDE:
            raise ValueError(f"model.rho leaves less than {LEAST_SIDE} of the exported pixels a side")
        return self

    _folder: Path = PrivateAttr(default=Path())

    def path(self, written: str) -> Path:
        """The path that *written*, as it stands in the recipe, means.

        ``~`` and ``$NAME`` are expanded; a relative path starts at the recipe's folder.

        Raises:
            RecipeError: an environment variable in it is not set, or a home folder is not known.
        """
        return expanded_path(self._folder, written)

    @property
    def signature(self) -> ImageSignature:
        """What every exported file takes and gives."""
        return ImageSignature(height=self.export.height, width=self.export.width)

    @classmethod
    def load(cls, path: Path | str) -> Recipe:
        """Read a recipe file.

        Raises:
            RecipeError: it is missing, not TOML, has an unknown key or a value out of range.
        """
        path = Path(path)
        return cls.parse(read_toml(path), where=str(path), folder=path.parent)

    @classmethod
    def parse(cls, data: dict[str, Any], where: str = "recipe", folder: Path = Path()) -> Recipe:
        """Check *data*, a recipe as nested dictionaries, whose relative paths start at *folder*.

        Raises:
            RecipeError: an unknown key or a value out of range; every one is named.
        """
        try:
            recipe = cls.model_validate(data)
        except ValidationError as error:
            raise RecipeError("; ".join(f"{where}: {sentence(dict(e), cls)}" for e in error.errors())) from error
        recipe._folder = folder
        return recipe


def recorded(data: Any) -> Any:
    """*data* of a file with the ``recipe`` that made it, for a model's validator before its own.

    A recipe on record that names no loss network was trained with VGG-19 and without a moving average: when it was
    written there was nothing else.
    """
    recipe = data.get("recipe") if isinstance(data, dict) else None
    if isinstance(recipe, dict) and "loss_network" not in recipe.get("train", {}):
        train = {"loss_network": "vgg19", "ema": 0.0, **recipe.get("train", {})}
        return {**data, "recipe": {**recipe, "train": train}}
    return data


def expanded_path(folder: Path, written: str) -> Path:
    """The path that *written* in a recipe in *folder* means. See :meth:`Recipe.path`."""
    expanded = os.path.expandvars(written)
    if missing := re.search(r"\$\{?(\w+)", expanded):
        raise RecipeError(f"{written!r} needs the environment variable {missing[1]}, which is not set. Set it.")
    try:
        return folder / Path(expanded).expanduser()
    except RuntimeError as error:
        raise RecipeError(f"{written!r} starts at a home folder that is not known here. Write it out.") from error


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a recipe file, not looked at yet.

    Raises:
        RecipeError: it is missing or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read recipe {path}: {error.strerror}. Give the path of a TOML recipe.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not a TOML recipe: {error}") from error


def sentence(error: dict[str, Any], table: type[Table]) -> str:
    """One pydantic error of *table* in words, with the near match of an unknown key or value."""
    location, given = error["loc"], error["input"]
    name = ".".join(str(part) for part in location)
    if error["type"] == "extra_forbidden":
        return f"unknown key {name!r}; {near(str(location[-1]), _keys(table, location[:-1]))}"
    if error["type"] == "literal_error":
        choices = re.findall(r"'([^']+)'", error["ctx"]["expected"])
        return f"{name} is {given!r}; {near(str(given), choices)}"
    message = error["msg"].removeprefix("Value error, ")
    if not location:
        return str(message)
    return f"{name} is {given!r}: {message}" if not isinstance(given, (dict, list)) else f"{name}: {message}"


def _keys(whole: type[Table], location: tuple[Any, ...]) -> list[str]:
    """Keys of the table at *location* of *whole*."""
    table: Any = whole
    for part in location:
        # Of a dictionary or an array of tables, any entry; of a table that may be left out, the table.
        tables = [argument for argument in get_args(table) if hasattr(argument, "model_fields")]
        table = tables[0] if tables else table.model_fields[part].annotation
    tables = [argument for argument in get_args(table) if hasattr(argument, "model_fields")]
    return list((tables[0] if tables else table).model_fields)
