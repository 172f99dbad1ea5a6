"""``python -m export_pipeline.universal axes``: the axes of the styles of a recipe, from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export_pipeline.models.adain import AXES
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import open_task
from export_pipeline.tasks.arbitrary_style import ArbitraryStyle
from export_pipeline.tasks.style_axes import REGULARIZING, style_axes
from export_pipeline.tasks.style_encoding import moments_of
from export_pipeline.universal.__main__ import main

RECIPE = """\
name = "any"
task = "arbitrary_style"

[train]
styles = "content"
content = "content"
style_variants = 120
style_size = 64
hold_out = 1
"""


def test_they_are_those_of_the_styles_of_a_recipe(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "any.toml").write_text(RECIPE)
    out = folder / "axes.weights"
    main(["axes", str(folder / "any.toml"), "-o", str(out)])
    assert capsys.readouterr().out == f"{out}: {AXES} axes of 120 styles\n"
    mean, axes = style_axes(out)
    task = open_task(Recipe.load(folder / "any.toml"))
    assert isinstance(task, ArbitraryStyle)
    moments = moments_of(task.variants)
    np.testing.assert_allclose(mean, moments.mean(0), rtol=1e-3, atol=1e-4)
    told = (moments - mean) @ axes
    variances = told.var(0)
    assert 0.9 < variances[0] < 1.05
    assert variances[REGULARIZING - 1] == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(np.cov(told[:, :REGULARIZING].T) - np.diag(variances[:REGULARIZING]), 0, atol=0.05)


def test_too_few_styles_are_refused_before_they_are_made(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "any.toml").write_text(RECIPE.replace("120", "119"))
    with pytest.raises(SystemExit):
        main(["axes", str(folder / "any.toml"), "-o", str(folder / "axes.weights")])
    assert "train.style_variants is 119; 119 axes take 120 styles or more. Raise it." in capsys.readouterr().err


def test_a_recipe_of_another_task_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "one.toml").write_text('name = "one"\n')
    with pytest.raises(SystemExit) as stopped:
        main(["axes", str(folder / "one.toml"), "-o", str(folder / "axes.weights")])
    assert stopped.value.code == 2
    assert "is of task style_transfer; axes are those of the styles of arbitrary_style" in capsys.readouterr().err
    assert not (folder / "axes.weights").exists()
