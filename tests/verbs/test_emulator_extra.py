"""With no more than ``pip install '.[emulator]'``: what works, works, and what does not says so in a line."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.builds import COMMITTED, ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def closure(lines: list[str]) -> set[str]:
    """The installed distributions that the requirements *lines* bring along, themselves among them."""
    found: set[str] = set()
    left = [Requirement(line) for line in lines]
    while left:
        one = left.pop()
        name = canonicalize_name(one.name)
        if name in found or not (one.marker is None or one.marker.evaluate({"extra": ""})):
            continue
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        left += [Requirement(need) for need in needs]
    return found


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of links to what the base and the extra ``emulator`` bring, and to our own package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = closure([*project["dependencies"], *project["optional-dependencies"]["emulator"]])
    assert "coremltools" in names
    assert not names & {"tensorflow", "scikit-image", "ai-edge-litert"}
    folder = tmp_path_factory.mktemp("emulator-extra")
    for name in names:
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}:
            source = Path(str(distribution.locate_file(top)))
            if not (folder / top).exists() and source.exists():
                (folder / top).symlink_to(source)
    (folder / "export_pipeline").symlink_to(ROOT / "export_pipeline")
    return folder


def run(library: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); from export_pipeline.cli import main; sys.exit(main())"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-S", "-c", program, str(library), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment)


def test_the_doctor_has_one_line_an_item_and_one_cure(library: Path) -> None:
    done = run(library, "doctor")
    assert done.returncode == 1
    rows = done.stdout.splitlines()
    assert all(row.split()[0] in ("ok", "skipped", "failed") for row in rows)
    assert all(len(row) < 120 for row in rows)
    missing = [row for row in rows if row.startswith("failed")]
    assert {row.split()[1] for row in missing} >= {"tensorflow", "scikit-image", "ai-edge-litert"}
    assert all(row.endswith("not installed") for row in missing)
    assert done.stderr.count("pip install") == 2  # of a checkout and of a wheel, once each
    assert len(done.stderr.splitlines()) == 2


def test_a_bundle_is_verified_without_tensorflow_and_scikit_image(library: Path) -> None:
    done = run(library, "verify", str(COMMITTED), "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["target"]: row for row in json.loads(done.stdout)}
    for target, row in rows.items():
        if target.startswith("tflite"):
            assert row["status"] == "skipped"
            assert "ai-edge-litert is not installed" in row["reason"]
        elif target.startswith("aimodel"):
            assert row["status"] == "skipped"
            assert "coreai" in row["reason"]
        else:
            assert row["status"] == "passed", row
            assert row["ssim"] > 0.98
