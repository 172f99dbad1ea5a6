"""What a user writes: a TOML file with a table for the network and one for each stage."""

from __future__ import annotations

from export_pipeline.recipe.about import AboutTable
from export_pipeline.recipe.arbitrary_style import ArbitraryStyleRecipe
from export_pipeline.recipe.classes import CLASSES
from export_pipeline.recipe.compress import CompressTable
from export_pipeline.recipe.distill import DistillRecipe, Phase
from export_pipeline.recipe.export import DEFAULT_TARGETS, ExportTable, default_targets
from export_pipeline.recipe.model import ModelTable
from export_pipeline.recipe.perceptual import PerceptualRecipe, PerceptualTrainTable
from export_pipeline.recipe.reading import expanded_path, read_toml
from export_pipeline.recipe.recorded import RecordedRecipe
from export_pipeline.recipe.report import Budget, RegressionTable, ReportTable
from export_pipeline.recipe.style_transfer import PolishTable, StyleModelTable, StyleTrainTable, StyleTransferRecipe
from export_pipeline.recipe.table import BUILTIN, Table
from export_pipeline.recipe.train import TrainTable
from export_pipeline.recipe.verify import VerifyTable
from export_pipeline.recipe.whole import Recipe, recipe_class
from export_pipeline.recipe.wording import sentence

__all__ = [
    "BUILTIN",
    "CLASSES",
    "DEFAULT_TARGETS",
    "AboutTable",
    "ArbitraryStyleRecipe",
    "Budget",
    "CompressTable",
    "DistillRecipe",
    "ExportTable",
    "ModelTable",
    "PerceptualRecipe",
    "PerceptualTrainTable",
    "Phase",
    "PolishTable",
    "Recipe",
    "RecordedRecipe",
    "RegressionTable",
    "ReportTable",
    "StyleModelTable",
    "StyleTrainTable",
    "StyleTransferRecipe",
    "Table",
    "TrainTable",
    "VerifyTable",
    "default_targets",
    "expanded_path",
    "read_toml",
    "recipe_class",
    "sentence",
]
