"""Packages of our name that a node may have in place of this one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests import builds


def another_version(folder: Path) -> Path:
    """A copy of this package with another version number."""
    shutil.copytree(
        builds.ROOT / "export_pipeline", folder / "export_pipeline", ignore=shutil.ignore_patterns("__pycache__")
    )
    path = folder / "export_pipeline" / "__init__.py"
    path.write_text(re.sub(r'__version__ = ".*"', '__version__ = "0.0.1"', path.read_text()))
    return folder


def no_package(folder: Path) -> Path:
    """A package of our name that cannot be imported."""
    (folder / "export_pipeline").mkdir(parents=True)
    (folder / "export_pipeline" / "__init__.py").write_text("raise ImportError('half of it is not installed')")
    return folder
