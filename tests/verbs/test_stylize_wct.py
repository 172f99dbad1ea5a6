"""``stylize --method wct``: photographs of any size after paintings, by whitening and colouring."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export_pipeline import coding
from export_pipeline.cli import main
from export_pipeline.perception.codec import Codec
from export_pipeline.perception.loss_network import DISTILLED, distilled
from export_pipeline.verbs import stylize_wct
from tests.small_training import picture
from tests.universal.wct_material import arrays_of

Refused = Callable[..., str]
PAINT = ["stylize", "photo.png", "--method", "wct", "--style", "style.png", "--decoders", "some.weights"]


@pytest.fixture(scope="module")
def decoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decoders of the distilled network up to relu3_1, drawn at random: quick, and their picture of no matter."""
    path = tmp_path_factory.mktemp("decoders") / "some.weights"
    coding.write(path, arrays_of(distilled(), ("relu1_1", "relu2_1", "relu3_1")))
    return path


@pytest.fixture
def folder(tmp_path: Path, decoders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photograph, two styles, masks of its left and right half, and decoders, in the folder that one is in."""
    for name, height, width in (("photo", 40, 60), ("style", 64, 64), ("other", 50, 70)):
        Image.fromarray(picture(height, height, width)).save(tmp_path / f"{name}.png")
    left = np.zeros((40, 60, 3), np.uint8)
    left[:, :30] = 255
    Image.fromarray(left).save(tmp_path / "left.png")
    Image.fromarray(255 - left).save(tmp_path / "right.png")
    (tmp_path / "some.weights").write_bytes(decoders.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    def message(*arguments: str) -> str:
        assert main(["stylize", *arguments, "-o", "out.png"]) == 2
        said = capsys.readouterr().err
        assert "fault of ours" not in said
        assert len(said.splitlines()) <= 2
        assert not (folder / "out.png").exists()
        return said

    return message


def image(path: str) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def test_a_photograph_keeps_its_size(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*PAINT, "--strength", "0.5", "-o", "out.png", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["method"], found["strength"], found["height"], found["width"]) == ("wct", 0.5, 40, 60)
    assert (found["encoder"], found["stages"]) == ("distilled", ["relu3_1", "relu2_1", "relu1_1"])
    assert image("out.png").shape == (40, 60, 3)


def test_every_option_changes_the_picture(folder: Path) -> None:
    options = {
        "whole": [],
        "half": ["--strength", "0.5"],
        "mixed": ["--style", "other.png", "--style-weights", "1,3"],
        "kept": ["--preserve-colour"],
        "shallow": ["--deepest", "relu1_1"],
        "diagonal": ["--diagonal"],
    }
    for name, more in options.items():
        assert main([*PAINT, *more, "-o", f"{name}.png"]) == 0
    assert len({image(f"{name}.png").tobytes() for name in options}) == len(options)


def test_a_network_that_distill_made_is_taken_by_its_file(folder: Path) -> None:
    shutil.copy(DISTILLED, "network.weights")
    for name, more in (("named", []), ("file", ["--encoder", "network.weights"])):
        assert main([*PAINT, *more, "-o", f"{name}.png"]) == 0
    np.testing.assert_array_equal(image("file.png"), image("named.png"))
    # It is found again by what is in it, and so are its decoders.
    assert Codec.open("network.weights").taps == Codec.open("distilled").taps


def test_each_style_is_painted_where_its_mask_is_white(folder: Path) -> None:
    for style in ("style", "other"):
        assert main([*PAINT[:4], "--style", f"{style}.png", *PAINT[6:], "-o", f"{style}_alone.png"]) == 0
    both = ["--style", "other.png", "--mask", "left.png", "--mask", "right.png"]
    assert main([*PAINT, *both, "-o", "both.png"]) == 0
    np.testing.assert_array_equal(image("both.png")[:, :28], image("style_alone.png")[:, :28])
    np.testing.assert_array_equal(image("both.png")[:, 32:], image("other_alone.png")[:, 32:])


def test_a_large_picture_keeps_its_stages_until_it_is_done(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main([*PAINT, "-o", "small.png"]) == 0
    monkeypatch.setattr(stylize_wct, "KEPT_FROM", 100)
    seen: list[Path] = []
    save = np.save
    monkeypatch.setattr(np, "save", lambda path, array: (seen.append(Path(path)), save(path, array)))
    assert main([*PAINT, "-o", "large.png"]) == 0
    assert len(seen) == 2
    assert all(".large.png.work" in str(path) for path in seen)
    assert not (folder / ".large.png.work").exists()
    np.testing.assert_array_equal(image("large.png"), image("small.png"))


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([*PAINT[1:], "--encoder", "distiled"], "there is no network 'distiled'; allowed: distilled, vgg19, or"),
        ([*PAINT[1:], "--encoder", "style.png"], "style.png cannot be read"),
        (["photo.png", "--method", "wct"], "--method wct paints after paintings; name one or more with --style"),
        ([*PAINT[1:], "--strength", "1.5"], "--strength is 1.5; it must be 0 to 1"),
        ([*PAINT[1:], "--mask", "left.png", "--mask", "right.png"], "2 masks for 1 styles"),
        ([*PAINT[1:], "--style-weights", "1,2"], "2 style weights for 1 style"),
        ([*PAINT[1:], "--network", "any.safetensors"], "--network is for --method adain; leave it out"),
        ([*PAINT[1:], "--vgg-weights", "vgg.npz"], "--vgg-weights is for --encoder vgg19"),
        ([*PAINT[1:], "--deepest", "relu4_1"], "no decoder of relu4_1; allowed: relu1_1, relu2_1, relu3_1"),
        ([*PAINT[1:6], "--encoder", "vgg19"], "no decoders of vgg19 come along. Train them: python -m"),
        ([*PAINT[1:6], "--decoders", "none.weights"], "none.weights"),
        ([*PAINT[1:6], "--decoders", "photo.png"], "photo.png"),
        (["photo.png", "--method", "adain", "--style", "style.png", "--encoder", "vgg19"], "is for --method wct"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(refused: Refused, arguments: list[str], part: str) -> None:
    assert part in refused(*arguments)
