"""What ``make study`` takes for done."""

from __future__ import annotations

import itertools
import json
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from export_pipeline.recipe import Recipe
from tests.benchmarks import compression, distilled_page, unet_page, unet_study

SWEEP = next(study for study in compression.ALL if study.record == "sparsity/sweep.json")


def record(*statuses: str) -> str:
    return json.dumps({"points": [{"result": {"status": status}} for status in statuses]})


@pytest.mark.parametrize(("statuses", "runs"), [(("passed", "failed"), 0), (("passed", "broken"), 1), (None, 1)])
def test_a_sweep_with_broken_points_is_run_again(
    statuses: tuple[str, ...] | None, runs: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / SWEEP.record
    path.parent.mkdir()
    if statuses:
        path.write_text(record(*statuses))
    ran = []

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        path.write_text(record("passed"))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(compression, "FOLDER", tmp_path)
    monkeypatch.setattr(compression.subprocess, "run", run)
    monkeypatch.setenv("EXPORT_PIPELINE_DATA", str(tmp_path))
    drawn = compression.made(SWEEP, draw_only=True)
    assert isinstance(drawn, str) == bool(runs)
    assert isinstance(compression.made(SWEEP, draw_only=False), dict)
    assert len(ran) == runs


def test_the_pages_are_those_of_their_records() -> None:
    drawn = compression.page([(study, compression.made(study, draw_only=True)) for study in compression.ALL])
    assert (compression.FOLDER / "README.md").read_text() == drawn
    folder = Path("artifacts/loss_network")
    assert (folder / "README.md").read_text() == distilled_page.text(folder)
    folder = Path("artifacts/unet_study")
    assert (folder / "README.md").read_text() == unet_page.text(json.loads((folder / "study.json").read_text()))


def test_the_last_variant_of_the_unet_is_what_its_recipe_makes() -> None:
    *_, last = unet_study.variants(steps=200)
    made, wanted = unet_study.recipe_of(last), Recipe.load(unet_study.RECIPE)
    assert (made.model, made.train, made.compress, made.seed) == (
        wanted.model,
        wanted.train,
        wanted.compress,
        wanted.seed,
    )
    assert [variant.compress.get("final_sparsity") for variant in unet_study.variants(1)][1:-1] == [*unet_study.SHARES]


@pytest.mark.parametrize("module", sorted({study.module for study in compression.ALL}))
def test_the_studies_can_start(module: str) -> None:
    assert callable(import_module(f"{module}.cli" if module == "export_pipeline" else module).main)


def test_the_recipes_of_the_studies_are_recipes() -> None:
    from export_pipeline.recipe import read_toml
    from export_pipeline.sweep.grid import parse_setting, points

    for study in compression.ALL:
        if study.module == "export_pipeline":
            verb, recipe, *options = study.arguments
            settings = [parse_setting(text) for flag, text in itertools.pairwise(options) if flag == "--set"]
            grid = points(read_toml(Path(recipe)), settings, Path(recipe).parent)
            assert verb == "sweep"
            assert len(grid) == 8
