"""The files that ``diff`` writes, and the pictures in them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export_pipeline.base.images import save_image
from export_pipeline.cli import main
from export_pipeline.diff.model import PictureChange
from export_pipeline.diff.pictures import Shown, picture_sheet
from export_pipeline.report import read_release
from export_pipeline.report.picture import BRIGHTER
from tests.builds import COMMITTED
from tests.diff.material import sealed

KEPT = ("starry_night_small-dynamic.tflite",)


def small(folder: Path, name: str, edit: bool) -> Path:
    """The committed bundle with one model file, for pictures of few files; with *edit*, another float picture."""
    copy = folder / name
    shutil.copytree(COMMITTED, copy)
    for path in copy.iterdir():
        if path.suffix in (".tflite", ".mlmodel", ".onnx", ".mlpackage", ".aimodel") and path.name not in KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if edit:
        golden = np.asarray(Image.open(copy / "golden" / "float.png"))
        save_image(copy / "golden" / "float.png", np.clip(golden.astype(int) + 3, 0, 255).astype(np.uint8))
    return sealed(copy)


def test_the_page_has_old_new_and_difference_and_needs_no_other_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = small(tmp_path, "old", False), small(tmp_path, "new", True)
    page, comment = tmp_path / "diff.html", tmp_path / "diff.md"
    assert main(["diff", str(old), str(new), "--html", str(page), "--markdown", str(comment)]) == 0
    text = page.read_text()
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert text.count("<img") == 7  # the photograph, and old, new and difference of the float network and of one file
    assert "tflite-dynamic: every pixel is equal" in text
    assert re.search(r"float network: 3\d\.\d\d dB, off by 3 at most", text)
    assert "onnx-fp32: the file does not lie in" in text
    assert "| tflite-dynamic | equal | 0 |" in comment.read_text()
    assert "tflite-dynamic" in capsys.readouterr().out


def test_a_difference_is_shown_brighter() -> None:
    old, new = np.full((4, 4, 3), 100, np.uint8), np.full((4, 4, 3), 103, np.uint8)
    shown = Shown(PictureChange(target="a"), old, new)
    assert shown.difference is not None
    assert (shown.difference == 3 * BRIGHTER).all()
    assert Shown(PictureChange(target="a"), old, new[:2]).difference is None


def test_why_there_are_no_pictures_is_said(tmp_path: Path) -> None:
    brain = read_release(COMMITTED.parent / "unet_brain")
    assert picture_sheet(brain, brain) == "the network does not turn one picture into another"
    shutil.copy(COMMITTED / "report.json", tmp_path / "report.json")
    found = picture_sheet(read_release(COMMITTED), read_release(tmp_path))
    assert isinstance(found, str)
    assert "name two bundles" in found


def test_where_nothing_can_be_written_nothing_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["diff", "none", "none", "--html", str(tmp_path / "file" / "page.html")]) == 2
    assert "page.html" in capsys.readouterr().err
