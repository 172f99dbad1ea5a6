"""Nothing of the user's is overwritten by accident, and no work is done for an output that cannot be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export_pipeline.base.files import refuse_input
from export_pipeline.cli import main
from export_pipeline.errors import UsageError
from tests.builds import COMMITTED

MODEL = COMMITTED / "starry_night_small-dynamic.tflite"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    return path


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 2
    return capsys.readouterr().err


def test_stylize_does_not_paint_over_its_photograph(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = photo.read_bytes()
    assert "photo.jpg is read; it is not overwritten" in refused(capsys, "stylize", MODEL, photo, "-o", photo)
    link = photo.with_name("link.jpg")
    link.symlink_to(photo)
    assert "not overwritten" in refused(capsys, "stylize", MODEL, photo, "-o", link)
    gatys = ("--method", "gatys", "--style", photo)
    assert "not overwritten" in refused(capsys, "stylize", COMMITTED / "golden/photo.png", *gatys, "-o", photo)
    assert photo.read_bytes() == before


def test_predict_and_plan_and_quantize_do_not_write_over_what_they_read(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "not overwritten" in refused(capsys, "predict", MODEL, "--input", f"image={photo}", "-o", photo)
    recipe = tmp_path / "r.toml"
    recipe.write_text('name = "r"')
    assert "not overwritten" in refused(capsys, "plan", recipe, "--bytes", 9000, "-o", recipe)
    weights = tmp_path / "a.weights"
    weights.write_bytes(b"")
    assert "not overwritten" in refused(capsys, "quantize", weights, "--bits", 4, "-o", weights)


def test_a_package_is_read_whole(tmp_path: Path) -> None:
    package = tmp_path / "a.mlpackage"
    package.mkdir()
    with pytest.raises(UsageError, match=r"is in .*a\.mlpackage, which is read"):
        refuse_input(package / "out.png", package)
    refuse_input(tmp_path / "out.png", package, None, tmp_path / "nothing")


def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.tflite"  # had the work begun, this would be the error
    assert "unknown image suffix '.xyz'" in refused(capsys, "stylize", missing, photo, "-o", tmp_path / "x.xyz")


def test_a_photograph_with_nothing_to_see_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dot = tmp_path / "dot.png"
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(dot)
    assert "needs 16 a side" in refused(capsys, "stylize", MODEL, dot, "-o", tmp_path / "out.png")
    style = ("--style", dot, "--photographs", COMMITTED / "golden")
    assert "needs 16 a side" in refused(capsys, "compare", MODEL, *style)
