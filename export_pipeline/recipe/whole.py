"""The whole recipe: a table for the network and one for each stage, and what must fit together."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr, ValidationError, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from export_pipeline.errors import RecipeError, near
from export_pipeline.recipe.about import AboutTable
from export_pipeline.recipe.compress import CompressTable
from export_pipeline.recipe.export import NEEDS, ExportTable, default_targets, sides_of, unmet
from export_pipeline.recipe.model import AnyModelTable
from export_pipeline.recipe.reading import expanded_path, read_toml
from export_pipeline.recipe.report import ReportTable
from export_pipeline.recipe.table import NAME_PATTERN, LimitsTable, Table
from export_pipeline.recipe.train import TrainTable
from export_pipeline.recipe.verify import VerifyTable
from export_pipeline.recipe.wording import of_another_task, sentence, set_task
from export_pipeline.records.metric import Metric
from export_pipeline.targets import TARGETS, split_size

SHIPPED = Path(__file__).resolve().parents[1] / "recipes"
ARTIFACTS = "../../artifacts/"


class Recipe(Table):
    """One recipe; each task has a class of its own.

    ``Recipe.load(path)`` reads TOML, whatever its task; relative paths in it are relative to its folder.
    """

    metrics: ClassVar[tuple[Metric, ...]] = ()
    baseline: ClassVar[str] = ""  # what can be had without a network, in one word
    takes_own_metric: ClassVar[bool] = False  # whether the recipe may name a metric of the user's own
    may_be_compressed: ClassVar[bool] = False  # whether the network may come with zeros and few values already
    may_be_flexible: ClassVar[bool] = False  # whether one file may take several sizes
    gives_pictures: ClassVar[bool] = False  # whether the outputs are pictures, which SSIM compares

    name: str = Field("stylized", pattern=NAME_PATTERN, description="name of the bundle and of its files")
    task: str = Field(description="what the network is for")
    about: AboutTable = Field(AboutTable(), description="what the files and the model card say of the network")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of all that is random: first weights, order, crops")
    model: AnyModelTable = Field(description="the network")
    train: TrainTable = Field(description="data, losses and length of the training")
    compress: CompressTable = Field(CompressTable(), description="pruning and clustering")
    export: ExportTable = Field(ExportTable(), validate_default=True, description="the files to make")
    verify: VerifyTable = Field(VerifyTable(), description="samples to verify on, and tolerances")
    report: ReportTable = Field(ReportTable(), description="how to measure, and budgets")

    @field_validator("export")
    @classmethod
    def _carries_what_compression_leaves(cls, export: ExportTable, info: ValidationInfo) -> ExportTable:
        if "targets" in export.model_fields_set or "compress" not in info.data:  # without: it has an error of its own
            return export
        return export.model_copy(update={"targets": default_targets(info.data["compress"])})

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        export = self.export
        if export.flexible and not self.may_be_flexible:
            raise ValueError(
                f"export.flexible is of style_transfer; networks of {self.task} have a file for each size: leave it out"
            )
        for table, named, made in (
            ("verify.min_psnr", self.verify.min_psnr, export.all_targets),
            ("report.budgets", self.report.budgets, export.all_files),
        ):
            for target in named:
                if target not in export.all_targets:
                    raise ValueError(f"{table} names {target}, which export.targets does not make")
                if target not in made:
                    one = split_size(target)[0]
                    raise ValueError(
                        f"{table} names {target}, which has the file of {one} (export.flexible); limit that"
                    )
        if self.train.frozen_norm and getattr(self.model, "norm", None) != "batch":
            raise ValueError("train.frozen_norm is of batch norm, and the network has none; set model.norm = 'batch'")
        for need, keys in NEEDS.items():
            idle = [name for name in self.export.targets if need in unmet(TARGETS[name], self.compress)]
            if idle and not self.may_be_compressed:
                raise ValueError(f"export.targets has {', '.join(idle)}, which needs {keys}; give it, or leave it out")
        return self

    @model_validator(mode="after")
    def _limits_its_metrics(self) -> Self:
        tables: dict[str, LimitsTable] = {"compress.structured": self.compress.structured}
        tables |= {f"report.budgets.{target}": budget for target, budget in self.report.budgets.items()}
        known = [metric.name for metric in self.metrics if metric.has_limits]
        regression = {} if self.report.regression is None else {"report.regression": self.report.regression}
        tables |= regression
        compared = {f"report.budgets.{target}": budget.ssim for target, budget in self.report.budgets.items()}
        for where, ssim in {**compared, **{where: table.ssim for where, table in regression.items()}}.items():
            if ssim is not None and not self.gives_pictures:
                raise ValueError(
                    f"{where}.ssim compares pictures, and {self.task} gives none; limit one of {', '.join(known)}"
                )
        for where, table in tables.items():
            for name in table.limits:
                if name not in known:
                    for task, other in _others(type(self)).items():
                        if name in {metric.name for metric in other.metrics if metric.has_limits}:
                            own = self.task if "task" in self.model_fields_set else None
                            raise ValueError(set_task([f"{where}.{name}"], {"key"}, task, own, DEFAULT_TASK))
                    hint = near(name, [*type(table).model_fields, *known])
                    raise ValueError(f"unknown key '{where}.{name}'; {hint}")
        return self

    _folder: Path = PrivateAttr(default=Path())

    def path(self, written: str) -> Path:
        """The path that *written*, as it stands in the recipe, means.

        ``~`` and ``$NAME`` are expanded; a relative path starts at the recipe's folder.

        What a shipped recipe takes from ``artifacts`` of a checkout lies beside it in an installed package: a warm
        start by its name, and the checkpoint of a bundle as ``released_`` and the name of the bundle.

        Raises:
            RecipeError: an environment variable in it is not set, or a home folder is not known.
        """
        found = expanded_path(self._folder, written)
        if found.exists() or self._folder.resolve() != SHIPPED or not written.startswith(ARTIFACTS):
            return found
        name = found.name if found.parent.name == "warm_starts" else f"released_{found.parent.name}{found.suffix}"
        return SHIPPED / "warm_starts" / name

    @property
    def judged_on(self) -> str:
        """What the samples of the verification are, for a reader who asks whether they were learned from."""
        return "samples that nothing was trained on"

    def at(self, size: str) -> Self:
        """This recipe for images of *size*, one of its own, alone."""
        height, width = sides_of(size)
        sides = {"height": height, "width": width, "sizes": (), "flexible": False}
        return self.model_copy(update={"export": self.export.model_copy(update=sides)})

    def without(self, *tables: str) -> Self:
        """This recipe as if its tables of these names had been left out; each must have a default for every key."""
        return self.model_copy(update={name: type(getattr(self, name))() for name in tables})

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
        kind = recipe_class(data, where)
        try:
            recipe = kind.model_validate(data)
        except ValidationError as error:
            foreign, left = of_another_task(error.errors(), _others(kind), data.get("task"), DEFAULT_TASK)
            said = (*foreign, *(sentence(each, kind) for each in left))
            raise RecipeError(f"{where}: {'; '.join(said)}") from error
        recipe._folder = folder
        return recipe


DEFAULT_TASK = "style_transfer"
# Module and class of the recipes of each task. They are subclasses of ``Recipe``, so that they are loaded after it.
RECIPES = {
    "style_transfer": ("export_pipeline.recipe.style_transfer", "StyleTransferRecipe"),
    "arbitrary_style": ("export_pipeline.recipe.arbitrary_style", "ArbitraryStyleRecipe"),
    "segmentation": ("export_pipeline.recipe.segmentation", "SegmentationRecipe"),
    "parity": ("export_pipeline.recipe.parity", "ParityRecipe"),
}


def recipe_class(data: Mapping[str, Any], where: str = "recipe") -> type[Recipe]:
    """The class of the recipe that *data* is, by its task.

    Raises:
        RecipeError: there is no such task.
    """
    task = data.get("task", DEFAULT_TASK)
    if not isinstance(task, str) or task not in RECIPES:
        raise RecipeError(f"{where}: task is {task!r}; {near(str(task), RECIPES)}")
    module, name = RECIPES[task]
    found: type[Recipe] = getattr(import_module(module), name)
    return found


def _others(kind: type[Recipe]) -> dict[str, type[Recipe]]:
    """The classes of the recipes of the tasks that *kind* is not of."""
    return {task: other for task in RECIPES if (other := recipe_class({"task": task})) is not kind}
