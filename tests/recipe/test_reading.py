"""Paths that a recipe names."""

from __future__ import annotations

from pathlib import Path

import pytest

from export_pipeline.errors import RecipeError
from export_pipeline.recipe import Recipe, StyleTransferRecipe


def test_a_relative_path_starts_at_the_folder_of_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('[train]\nstyle = "art/a.jpg"')
    recipe = Recipe.load(tmp_path / "r.toml")
    assert recipe.path(recipe.train.style) == tmp_path / "art/a.jpg"
    assert recipe.path("/elsewhere/b.jpg") == Path("/elsewhere/b.jpg")


def test_variables_and_the_home_folder_are_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHOTOS", str(tmp_path))
    monkeypatch.setenv("HOME", "/home/someone")
    assert StyleTransferRecipe().path("$PHOTOS/a") == tmp_path / "a"
    assert StyleTransferRecipe().path("${PHOTOS}s/a") == Path(f"{tmp_path}s/a")
    assert StyleTransferRecipe().path("~/a") == Path("/home/someone/a")


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOTOS", raising=False)
    for written in ("$PHOTOS/a", "${PHOTOS}/a"):
        with pytest.raises(RecipeError, match="PHOTOS, which is not set"):
            StyleTransferRecipe().path(written)


def test_the_home_of_an_unknown_user_is_refused() -> None:
    with pytest.raises(RecipeError, match="not known here"):
        StyleTransferRecipe().path("~nobody-of-that-name/a")
