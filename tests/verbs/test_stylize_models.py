"""``stylize`` with model files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export_pipeline.cli import main
from tests.builds import COMMITTED
from tests.verbs.material import MODELS, PHOTO


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)
def test_stylize_runs_each_format(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.png"
    assert main(["stylize", str(model), str(PHOTO), "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["output"] == str(out)
    made, expected = (np.asarray(Image.open(path), np.float64) for path in (out, COMMITTED / "golden" / "float.png"))
    assert made.shape == expected.shape
    assert 20 * np.log10(255 / np.sqrt(np.mean((made - expected) ** 2)) + 1e-9) > 28


def test_stylize_says_when_it_resizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (100, 50), "red").save(tmp_path / "photo.png")
    assert main(["stylize", str(MODELS[0]), str(tmp_path / "photo.png"), "-o", str(tmp_path / "out.png")]) == 0
    assert "100x50 resized and cropped" in capsys.readouterr().err


def bad_images(folder: Path) -> dict[str, Path]:
    """Files that are not the images they claim to be."""
    text = folder / "text.jpg"
    text.write_text("not a picture")
    truncated = folder / "truncated.png"
    truncated.write_bytes(PHOTO.read_bytes()[:2000])
    animated = folder / "animated.gif"
    frames = [Image.new("RGB", (32, 32), color) for color in ("red", "blue")]
    frames[0].save(animated, save_all=True, append_images=frames[1:])
    cmyk, deep, clear = folder / "cmyk.tif", folder / "deep.png", folder / "clear.png"
    Image.new("CMYK", (32, 32)).save(cmyk)
    Image.fromarray(np.full((32, 32), 40_000, np.uint16)).save(deep)
    Image.new("RGBA", (32, 32), (9, 9, 9, 0)).save(clear)
    found = {"text": text, "truncated": truncated, "animated": animated, "missing": folder / "missing.png"}
    return {**found, "cmyk": cmyk, "deep": deep, "clear": clear}


@pytest.mark.parametrize("kind", ["text", "truncated", "animated", "missing", "cmyk", "deep", "clear"])
def test_bad_image_is_refused(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = bad_images(tmp_path)[kind]
    assert main(["stylize", str(MODELS[0]), str(image), "-o", str(tmp_path / "out.png")]) == 2
    message = capsys.readouterr().err
    assert str(image) in message
    assert len(message.splitlines()) <= 2
    assert not (tmp_path / "out.png").exists()


def test_output_that_cannot_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["stylize", str(MODELS[0]), str(PHOTO), "-o", str(tmp_path / "file" / "out.png")]) == 2
    assert "cannot write" in capsys.readouterr().err
