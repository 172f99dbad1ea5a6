"""``stylize --method adain``, and ``stylize CHECKPOINT``: photographs of any size, in bands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export_pipeline.cli import main
from export_pipeline.recipe import Recipe
from export_pipeline.train import network
from export_pipeline.train.checkpoint import CheckpointInfo, save
from tests.builds import COMMITTED
from tests.small_training import picture

Refused = Callable[..., str]
PAINT = ["stylize", "photo.png", "--method", "adain", "--style", "style.png", "--network", "any.safetensors"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photograph, two styles, masks of its left and right half, and a network, in the folder that one is in."""
    for name, height, width in (("photo", 40, 60), ("style", 64, 64), ("other", 50, 70)):
        Image.fromarray(picture(height, height, width)).save(tmp_path / f"{name}.png")
    left = np.zeros((40, 60, 3), np.uint8)
    left[:, :30] = 255
    Image.fromarray(left).save(tmp_path / "left.png")
    Image.fromarray(255 - left).save(tmp_path / "right.png")
    recipe = Recipe.parse({"task": "arbitrary_style", "model": {"alpha": 0.25, "blocks": 1, "margin": 4}})
    info = CheckpointInfo.model_validate({"stage": "train", "step": 1, "recipe": recipe})
    save(tmp_path / "any.safetensors", info, network(recipe).weights)
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
    assert (found["method"], found["strength"], found["height"], found["width"]) == ("adain", 0.5, 40, 60)
    assert image("out.png").shape == (40, 60, 3)


def test_strength_weights_and_colours_change_the_picture(folder: Path) -> None:
    options = {
        "whole": [],
        "half": ["--strength", "0.5"],
        "none": ["--strength", "0"],
        "mixed": ["--style", "other.png", "--style-weights", "1,3"],
        "kept": ["--preserve-colour"],
    }
    for name, more in options.items():
        assert main([*PAINT, *more, "-o", f"{name}.png"]) == 0
    assert len({image(f"{name}.png").tobytes() for name in options}) == len(options)


def test_each_style_is_painted_where_its_mask_is_white(folder: Path) -> None:
    for style in ("style", "other"):
        assert main([*PAINT[:4], "--style", f"{style}.png", *PAINT[6:], "-o", f"{style}_alone.png"]) == 0
    both = ["--style", "other.png", "--mask", "left.png", "--mask", "right.png"]
    assert main([*PAINT, *both, "-o", "both.png"]) == 0
    np.testing.assert_array_equal(image("both.png")[:, :28], image("style_alone.png")[:, :28])
    np.testing.assert_array_equal(image("both.png")[:, 32:], image("other_alone.png")[:, 32:])


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["photo.png", "--method", "adain"], "name one or more with --style"),
        ([*PAINT[1:], "--strength", "1.5"], "--strength is 1.5; it must be 0 to 1"),
        ([*PAINT[1:], "--strength", "nan"], "--strength is nan; it must be 0 to 1"),
        ([*PAINT[1:], "--mask", "left.png", "--mask", "right.png"], "2 masks for 1 styles"),
        ([*PAINT[1:], "--mask", "left.png", "--style-weights", "1"], "give one of them"),
        ([*PAINT[1:], "--style-weights", "1,2"], "2 style weights for 1 style"),
        ([*PAINT[1:], "--iterations", "3"], "--iterations is for --method gatys; leave it out"),
        ([*PAINT[1:], "--threads", "1"], "--threads is for a model file"),
        ([*PAINT[1:-1], str(COMMITTED / "checkpoint.safetensors")], "of a network of style_transfer"),
        (["any.safetensors", "photo.png"], "give --method adain --network"),
        ([str(COMMITTED / "checkpoint.safetensors"), "photo.png", "--strength", "1"], "is for --method adain"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(refused: Refused, arguments: list[str], part: str) -> None:
    assert part in refused(*arguments)


def test_the_network_of_a_bundle_takes_a_photograph_in_its_own_size(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = COMMITTED / "checkpoint.safetensors"
    assert main(["stylize", str(checkpoint), "photo.png", "-o", "own.png"]) == 0
    assert image("own.png").shape == (40, 60, 3)
    assert capsys.readouterr().out == "own.png\n"


def test_it_is_the_picture_of_the_bundle(folder: Path) -> None:
    golden = COMMITTED / "golden"
    assert main(["stylize", str(COMMITTED / "checkpoint.safetensors"), str(golden / "photo.png"), "-o", "own.png"]) == 0
    assert np.abs(image("own.png") - image(str(golden / "float.png"))).max() <= 1
