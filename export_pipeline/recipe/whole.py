"""The whole recipe: a table for the network and one for each stage, and what must fit together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, ValidationError, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from export_pipeline.errors import RecipeError
from export_pipeline.recipe.compress import CompressTable
from export_pipeline.recipe.export import CLUSTERED_TARGETS, PRUNED_TARGETS, ExportTable, default_targets
from export_pipeline.recipe.model import ModelTable
from export_pipeline.recipe.reading import expanded_path, read_toml
from export_pipeline.recipe.report import ReportTable
from export_pipeline.recipe.table import Table
from export_pipeline.recipe.train import TrainTable
from export_pipeline.recipe.verify import VerifyTable
from export_pipeline.recipe.wording import sentence
from export_pipeline.records.signature import ImageSignature

LEAST_SIDE = 16


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

    Recipes on record give every key that there was. One that names no style loss was trained on Gram matrices, and one
    that names no loss network with VGG-19 and without a moving average: when it was written there was nothing else.
    """
    recipe = data.get("recipe") if isinstance(data, dict) else None
    if not isinstance(recipe, dict):
        return data
    train = recipe.get("train", {})
    before: dict[str, Any] = {"style_loss": "gram"}
    if "loss_network" not in train:
        before |= {"loss_network": "vgg19", "ema": 0.0}
    return {**data, "recipe": {**recipe, "train": {**before, **train}}}
