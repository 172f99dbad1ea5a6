"""Tiny networks with weights that are not trivial, and photographs to calibrate on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.recipe import Recipe
from export_pipeline.records.exported import ExportedModel
from tests.export import material


@pytest.fixture(scope="session")
def photographs() -> list[np.ndarray]:
    return material.photographs()


@pytest.fixture(scope="session")
def exported(
    tmp_path_factory: pytest.TempPathFactory, photographs: list[np.ndarray]
) -> Callable[[str], tuple[Any, Recipe, Path, dict[str, ExportedModel]]]:
    """Every target of a named tiny network, made once: network, recipe, folder and records by target."""
    made: dict[str, tuple[Any, Recipe, Path, dict[str, ExportedModel]]] = {}

    def get(name: str) -> tuple[Any, Recipe, Path, dict[str, ExportedModel]]:
        if name not in made:
            model, recipe, folder = material.network(name), material.recipe(), tmp_path_factory.mktemp(name)
            records = material.exported(model, recipe, folder, photographs, checkpoint_sha256="0" * 64)
            made[name] = model, recipe, folder, {record.target: record for record in records}
        return made[name]

    return get
