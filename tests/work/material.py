"""Folders with a recipe ``tiny.toml`` and its bundle: what lies there, what a change of the recipe would cost."""

from __future__ import annotations

import json
from pathlib import Path

from tests import builds


def build(folder: Path) -> None:
    """Build the bundle."""
    result = builds.run("build", folder / "tiny.toml", "-o", folder / "bundle")
    assert result.returncode == 0, result.stderr


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edited(folder: Path, old: str, new: str) -> Path:
    path = folder / "tiny.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def outlook(folder: Path) -> dict[str, tuple[str, str]]:
    """What a dry run says of each stage; it must write nothing."""
    before = contents(folder)
    result = builds.run("build", folder / "tiny.toml", "-o", folder / "bundle", "--dry-run", "--json")
    assert result.returncode == 0, result.stderr
    assert contents(folder) == before
    found = json.loads(result.stdout)
    assert not found["up_to_date"]
    return {row["stage"]: (row["what"], row["why"]) for row in found["stages"]}
