"""Keras 2, loaded with our layers."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def keras() -> Any:
    """``tf_keras``, after the package that chooses Keras 2 and registers our layers."""
    import_module("export_pipeline.models")
    return import_module("tf_keras")
