"""The class of the recipes of each task. A new task adds its file and a row here."""

from __future__ import annotations

from export_pipeline.recipe.segmentation import SegmentationRecipe
from export_pipeline.recipe.style_transfer import StyleTransferRecipe
from export_pipeline.recipe.whole import CLASSES

CLASSES.update(
    {
        "style_transfer": StyleTransferRecipe,
        "segmentation": SegmentationRecipe,
    }
)

__all__ = ["CLASSES"]
