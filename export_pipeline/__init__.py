"""Turns a network into mobile app assets, and proves them right before a phone sees them.

``from export_pipeline import build, Recipe``
"""

from __future__ import annotations

import os
from typing import Any

# Before TensorFlow is first imported: our layers and tfmot are written for Keras 2, and its start-up
# messages on stderr would hide our own. Both give way to what the user has set.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__all__ = ["Recipe", "__version__", "build"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the two doors when they are first used: importing the package stays light."""
    if name == "build":
        from export_pipeline.pipeline import build

        return build
    if name == "Recipe":
        from export_pipeline.recipe import Recipe

        return Recipe
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
