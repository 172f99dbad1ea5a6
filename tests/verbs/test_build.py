"""``build``: recipes that it refuses before it makes anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from export_pipeline.bundle import require_replaceable
from export_pipeline.cli import main
from export_pipeline.recipe import Recipe
from tests.builds import COMMITTED


def test_unknown_recipe_gets_its_near_match(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "dmeo"]) == 2
    assert "did you mean 'demo'?" in capsys.readouterr().err


def test_bad_recipe_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "bad.toml"
    recipe.write_text("[model]\nalfa = 0.3\n")
    assert main(["build", str(recipe), "-o", str(tmp_path / "out")]) == 2
    assert "did you mean 'alpha'?" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


# What lies where the bundle goes


def recipe_file(folder: Path, name: str = "starry_night_small") -> Path:
    path = folder / "recipe.toml"
    path.write_text(f'name = "{name}"\n')
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(recipe: Path, out: Path, *options: str) -> bool:
    """Whether the build is refused; it must touch nothing."""
    before = contents(out.parent)
    code = main(["build", str(recipe), "-o", str(out), *options])
    assert contents(out.parent) == before
    return code == 2


def test_the_bundle_of_another_recipe_is_not_replaced_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(COMMITTED, tmp_path / "bundle")
    assert refused(recipe_file(tmp_path, "mini"), tmp_path / "bundle")
    said = capsys.readouterr().err
    assert "holds the bundle of another recipe, 'starry_night_small'" in said
    assert "--replace" in said


def test_a_bundle_with_files_of_somebody_elses_is_not_replaced_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(COMMITTED, tmp_path / "bundle")
    (tmp_path / "bundle" / "notes.txt").write_text("mine")
    assert refused(recipe_file(tmp_path), tmp_path / "bundle")
    assert "files that no build has put there: notes.txt" in capsys.readouterr().err


def test_a_damaged_bundle_is_not_replaced_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(COMMITTED, tmp_path / "bundle")
    manifest = tmp_path / "bundle" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("starry", "cloudy"))
    assert refused(recipe_file(tmp_path), tmp_path / "bundle")
    assert "--replace" in capsys.readouterr().err


@pytest.mark.parametrize("options", [(), ("--replace",)])
def test_a_folder_with_a_manifest_of_something_else_is_never_replaced(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "manifest.json").write_text('{"name": "My app", "icons": []}')
    assert refused(recipe_file(tmp_path), tmp_path / "web", *options)
    assert "exists and is not a bundle" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "meant"), [("starry_night_small", False), ("other", True)])
def test_an_earlier_bundle_of_the_recipe_and_one_that_may_go_are_replaced(
    name: str, meant: bool, tmp_path: Path
) -> None:
    shutil.copytree(COMMITTED, tmp_path / "bundle")
    recipe = Recipe.parse({"name": name, "seed": 5, "train": {"steps": 7}})
    require_replaceable(tmp_path / "bundle", recipe, meant)
    require_replaceable(tmp_path / "nothing", recipe, meant=False)


def test_a_build_that_will_need_vgg19_looks_for_it_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], material: Path
) -> None:
    monkeypatch.setenv("EXPORT_PIPELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    path = tmp_path / "recipe.toml"
    path.write_text(
        f'[train]\nsteps = 0\nwarm_start = "{COMMITTED / "checkpoint.safetensors"}"\n'
        f'style = "{material / "style.png"}"\n[export]\nheight = 64\nwidth = 64\n'
    )
    assert main(["build", str(path), "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "VGG-19's weights are not cached and cannot be fetched" in said
    assert "export:" not in said
    assert not [file for file in (tmp_path / ".out.work").iterdir() if file.name != ".lock"]
