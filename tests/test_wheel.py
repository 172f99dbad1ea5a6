"""The wheel: one package, with all that it needs in it."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.imports import PACKAGE, ROOT, modules

BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
# What a build reads, as it lies in the project: the link to the networks stays one.
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "export_pipeline", "models")
# Where the links in export_pipeline/recipes/warm_starts lead.
STARTS = (
    "artifacts/warm_starts",
    "artifacts/starry_night_small/checkpoint.safetensors",
    "artifacts/universal/painter/checkpoint.safetensors",
)
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from export_pipeline.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in (*SOURCES, *STARTS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    program = [sys.executable, "-c", BUILD, str(folder / "dist")]
    (folder / "dist").mkdir()
    done = subprocess.run(program, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (made,) = (folder / "dist").glob("*.whl")
    return made


@pytest.fixture(scope="module")
def files(wheel: Path) -> set[str]:
    """The files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs, far from any checkout."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_has_one_top_level_package(files: set[str]) -> None:
    tops = {name.split("/")[0] for name in files}
    assert {top for top in tops if not top.endswith(".dist-info")} == {PACKAGE}


def test_the_wheel_holds_every_module(files: set[str]) -> None:
    wanted = {
        f"{name.replace('.', '/')}{'/__init__' if path.name == '__init__.py' else ''}.py"
        for name, path in modules().items()
    }
    assert {name for name in files if name.endswith(".py")} == wanted
    assert f"{PACKAGE}/models/layers.py" in wanted


def test_the_wheel_holds_what_lies_beside_the_code(files: set[str]) -> None:
    for pattern in (
        "recipes/*.toml",
        "**/*.schema.json",
        "perception/*.weights*",
        "py.typed",
    ):
        found = list((ROOT / PACKAGE).glob(pattern))
        assert found
        assert {path.relative_to(ROOT).as_posix() for path in found} <= files


def test_the_networks_are_linked_into_the_package() -> None:
    assert (ROOT / PACKAGE / "models").readlink() == Path("../models")


@pytest.mark.parametrize("name", ["demo", "export_only"])
def test_the_first_recipes_start_from_the_wheel_alone(name: str, installed: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", START, str(installed), "build", name, "--dry-run", "--json", "-o", "bundle"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout


def test_every_warm_start_of_a_shipped_recipe_is_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from export_pipeline import Recipe; "
        "import export_pipeline; folder = Path(export_pipeline.__file__).parent / 'recipes'; "
        "found = [(r, r.train.warm_start) for r in map(Recipe.load, sorted(folder.glob('*.toml')))]; "
        "print([str(r.path(start)) for r, start in found if start])"
    )
    command = [sys.executable, "-c", program, str(installed)]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    starts = [Path(path) for path in ast.literal_eval(done.stdout)]
    assert len(starts) >= 5
    assert all(path.is_file() and path.is_relative_to(installed) for path in starts), starts
