"""The wheel: one package, with all that it needs in it."""

from __future__ import annotations

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


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files in the wheel, built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    program = [sys.executable, "-c", BUILD, str(folder / "dist")]
    (folder / "dist").mkdir()
    done = subprocess.run(program, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


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
    for pattern in ("recipes/*.toml", "**/*.schema.json", "perception/distilled.weights*", "py.typed"):
        found = list((ROOT / PACKAGE).glob(pattern))
        assert found
        assert {path.relative_to(ROOT).as_posix() for path in found} <= files


def test_the_networks_are_linked_into_the_package() -> None:
    assert (ROOT / PACKAGE / "models").readlink() == Path("../models")
