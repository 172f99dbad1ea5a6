"""Copies of the committed bundle in which something has changed, sealed again, as a later build would leave them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from export_pipeline.bundle import MEASURED, Bundle
from tests.builds import COMMITTED

LIMITS = '[report.regression]\nrelease = "unused"\n'
Edit = Callable[[dict[str, Any]], None]


def changed(folder: Path, edit: Edit, file: str = "report.json", name: str = "new") -> Path:
    """A bundle like the committed one, with *edit* made to one of its reports."""
    copy = folder / name
    shutil.copytree(COMMITTED, copy)
    data = json.loads((copy / file).read_text())
    edit(data)
    (copy / file).write_text(json.dumps(data))
    return sealed(copy)


def sealed(bundle: Path) -> Path:
    """*bundle* with listings that fit what lies in it now."""
    measured = tuple(json.loads((bundle / MEASURED).read_text())["files"])
    manifest = Bundle.open(bundle).manifest.model_dump(exclude={"files", "digest"})
    Bundle.seal(bundle, manifest, measured)
    return bundle


def file_of(report: dict[str, Any], target: str) -> dict[str, Any]:
    """The row of a file."""
    return next(row for row in report["files"] if row["target"] == target)


def parity_of(report: dict[str, Any], target: str) -> dict[str, Any]:
    """What was verified of a file."""
    return next(row for row in report["parity"] if row["target"] == target)


def limits(folder: Path, text: str) -> Path:
    """A recipe with limits."""
    path = folder / "limits.toml"
    path.write_text(LIMITS + text)
    return path


def grown(by: float, target: str = "mlmodel-int8") -> Edit:
    """Let a file have grown by a share."""

    def edit(report: dict[str, Any]) -> None:
        size = file_of(report, target)["size"]
        size["bytes"] = round(size["bytes"] * (1 + by))

    return edit
