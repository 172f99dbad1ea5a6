"""The app ships what lies in ``artifacts/``, and nothing else."""

from __future__ import annotations

from pathlib import Path

from export_pipeline.apps import copy_bundles
from export_pipeline.bundle import MANIFEST
from tests.builds import ROOT

APP = ROOT / "ios_demo/App/StyleDemo.swiftpm/Sources/Bundles"
ARTIFACTS = ROOT / "artifacts"
MEND = "run: make apps"


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_ios_app_ships_the_committed_bundles(tmp_path: Path) -> None:
    found = files(APP)
    names = sorted({name.split("/")[0] for name in found})
    assert names, MEND
    copy_bundles([ARTIFACTS / name for name in names], {"ios": tmp_path})
    assert files(tmp_path) == found, MEND


def test_the_ios_app_has_every_style() -> None:
    others = {"demo", "starry_night_256", "starry_night_tiny", "unet_brain"}
    styles = {path.parent.name for path in ARTIFACTS.glob(f"*/{MANIFEST}")} - others
    assert {path.parent.name for path in APP.glob(f"*/{MANIFEST}")} == {
        name for name in styles if list((ARTIFACTS / name).glob("*.mlpackage"))
    }, MEND
