"""What the tests of distillation share: a narrow teacher, a short recipe, and amounts that suit it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.distill.slim import slimmed
from export_pipeline.perception.vgg_weights import Weights
from export_pipeline.recipe.distill import DistillRecipe
from tests.imports import ROOT

TEXT = f"""
style_networks = ["{ROOT}/artifacts/starry_night_small/checkpoint.safetensors"]
width = 0.25
baseline = true
bits = 4
learning_rate = 0.002
checkpoint_every = 2
[[phases]]
crop = 40
batch_size = 1
steps = 4
painted = 0.5
gram_weight = 0.5
[[phases]]
crop = 48
batch_size = 2
steps = 4
learning_rate = 0.001
"""


@pytest.fixture(scope="session")
def teacher(vgg_arrays: Any) -> Weights:
    """A tenth of VGG-19's filters."""
    return slimmed(vgg_arrays, 0.1).weights


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    """A recipe of two phases of four steps, as a user writes it."""
    path = tmp_path / "recipe.toml"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> DistillRecipe:
    """The same, read in."""
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    path.write_text(TEXT)
    return DistillRecipe.load(path)


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """Noise, ``(4, 48, 48, 3)`` float32."""
    return np.random.default_rng(1).uniform(0, 255, (4, 48, 48, 3)).astype(np.float32)
