"""``build``: recipes that it refuses before it makes anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from export_pipeline.cli import main


def test_unknown_recipe_gets_its_near_match(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "dmeo"]) == 2
    assert "did you mean 'demo'?" in capsys.readouterr().err


def test_bad_recipe_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "bad.toml"
    recipe.write_text("[model]\nalfa = 0.3\n")
    assert main(["build", str(recipe), "-o", str(tmp_path / "out")]) == 2
    assert "did you mean 'alpha'?" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]
