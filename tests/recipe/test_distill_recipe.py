"""Recipes of distillations: what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from export_pipeline.errors import RecipeError
from export_pipeline.recipe.distill import DistillRecipe


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("xyzzy = 1", "xyzzy"),
        ("width = 0", "width"),
        ("phases = []", "phases"),
        ("[[phases]]\nsteps = 10\ncrop = 8", "crop"),
        ("[[phases]]\nsteps = 10\nbatchsize = 8", "batch_size"),
        ("checkpoint_every = 0", "checkpoint_every"),
        ("[[phases]]\nsteps = 10\npainted = 0.5", "style_networks is empty"),
        ('style_networks = ["a.safetensors"]', "no phase has painted crops"),
        ("width = ", "TOML"),
    ],
)
def test_a_wrong_recipe_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RecipeError) as raised:
        DistillRecipe.load(tmp_path / "r.toml")
    assert said in str(raised.value)
