"""``stylize`` as its users meet it, by either method."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export_pipeline.cli import main
from export_pipeline.gatys.optimize import Stylized
from tests.builds import COMMITTED
from tests.small_training import picture

MODEL = str(next(COMMITTED.glob("*int8.mlmodel")))
PHOTO = str(COMMITTED / "golden" / "photo.png")
Refused = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photograph and two styles, in the folder that one is in."""
    for name, height, width in (("photo", 40, 60), ("style", 64, 64), ("other", 50, 70)):
        Image.fromarray(picture(height, height, width)).save(tmp_path / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    def message(*arguments: str, out: str = "out.png") -> str:
        assert main(["stylize", *arguments, "-o", out]) == 2
        said = capsys.readouterr().err
        assert said.startswith("export-pipeline: ")
        assert "fault of ours" not in said
        assert len(said.splitlines()) <= 2
        assert not (folder / "out.png").exists()
        return said

    return message


BY_GATYS = ["stylize", "photo.png", "--method", "gatys", "--style", "style.png", "--iterations", "2"]


def test_a_photograph_is_painted_after_styles(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--style", "other.png", "--style-weights", "1,0.5", "--every", "1", "--size", "48", "--preserve-colour"]
    assert main([*BY_GATYS, *more, "-o", "new/out.png", "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["styles"] == ["style.png", "other.png"]
    assert (found["iterations"], found["height"], found["width"]) == (2, 32, 48)
    assert set(found["losses"]) == {"total", "content", "style", "tv"}
    assert found["intermediates"] == ["new/out-0001.png", "new/out-0002.png"]
    assert "60x40 scaled down to 48x32" in said.err
    assert "iteration 2/2  total" in said.err
    pictures = [np.asarray(Image.open(folder / path)) for path in (*found["intermediates"], found["output"])]
    np.testing.assert_array_equal(pictures[1], pictures[2])
    assert (pictures[0] != pictures[1]).any()
    assert sorted(path.name for path in (folder / "new").iterdir()) == ["out-0001.png", "out-0002.png", "out.png"]


def test_without_json_it_prints_the_path(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*BY_GATYS, "--seed", "3", "-o", "out.png"]) == 0
    said = capsys.readouterr()
    assert said.out == "out.png\n"


def test_an_early_end_is_told_with_its_reason(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(photo: np.ndarray, *_: object) -> Stylized:
        return Stylized(photo, {"total": 1.0}, 1, 21, "ABNORMAL")

    monkeypatch.setattr("export_pipeline.gatys.optimize.stylize", ended)
    assert main([*BY_GATYS, "-o", "out.png"]) == 0
    assert "ended after 1 of 2 iterations: ABNORMAL" in capsys.readouterr().err


@pytest.mark.parametrize("start", ["photo", "noise"])
def test_noise_follows_the_seed(folder: Path, start: str) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main([*BY_GATYS, "--start", start, "--seed", seed, "-o", f"{name}.png"]) == 0
    first, again, other = ((folder / f"{name}.png").read_bytes() for name in "abc")
    assert first == again != other


def test_options_may_stand_between_model_and_image(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert main(["stylize", MODEL, "-o", str(out), PHOTO]) == 0
    assert out.is_file()


def test_paths_are_counted_by_the_method(refused: Refused) -> None:
    assert "takes MODEL IMAGE; got one path: photo.png" in refused("photo.png")
    two = refused("model.onnx", "photo.png", "--method", "gatys", "--style", "style.png")
    assert "one PHOTO and no model; got 2 paths: model.onnx, photo.png" in two


SHARED = ("--style", "--style-weights", "--preserve-colour")


@pytest.mark.parametrize(
    "option",
    ["--style s.png", "--style-weights 1", "--loss-network vgg19", "--vgg-weights w.npz", "--preserve-colour",
     "--iterations 9", "--every 9", "--start photo", "--seed 0", "--size 64", "--content-weight 0",
     "--style-weight 1", "--style-loss gram", "--tv-weight 1"],
)  # fmt: skip
def test_options_of_the_other_method_are_refused(option: str, refused: Refused) -> None:
    name = option.split()[0]
    methods = {"--vgg-weights": "gatys or wct"} | dict.fromkeys(SHARED, "gatys or adain or wct")
    assert f"{name} is for --method {methods.get(name, 'gatys')};" in refused(MODEL, PHOTO, *option.split())


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ("--threads 1", "--threads is for a model"),
        ("--vgg-weights w.npz", "--vgg-weights is for --loss-network vgg19"),
        ("--style-weights 1,2", "2 style weights for 1 style"),
        ("--style-weights -1", "0 or more"),
        ("--style-weights 1;2", "give numbers with commas"),
        ("--style-weights nan", "finite"),
        ("--iterations 0", "iterations is 0"),
        ("--every 0", "--every is 0"),
        ("--size 31", "--size is 31; allowed: 32 to 2048"),
        ("--size 40", "photo.png is 40x27 pixels"),
        ("--seed -1", "seed is -1"),
        ("--tv-weight -1", "tv_weight is -1"),
        ("--content-weight 0 --style-weight 0", "nothing to aim at"),
        ("--style missing.png", "missing.png"),
    ],
)
def test_values_out_of_range_are_refused(options: str, part: str, refused: Refused) -> None:
    assert part in refused("photo.png", "--method", "gatys", "--style", "style.png", *options.split())


def test_styles_and_photographs_must_be_there(folder: Path, refused: Refused) -> None:
    assert "name one or more with --style" in refused("photo.png", "--method", "gatys")
    (folder / "text.png").write_text("no image")
    assert "text.png is not an image" in refused("text.png", "--method", "gatys", "--style", "style.png")


def test_an_output_that_cannot_be_written_is_found_before_the_work(folder: Path, refused: Refused) -> None:
    """Weights that are not there would be the next to be complained about."""
    (folder / "file").write_text("in the way")
    (folder / "made-0002.png").mkdir()
    arguments = [*BY_GATYS[1:], "--loss-network", "vgg19", "--vgg-weights", "none.npz"]
    assert "unknown image suffix '.heic'" in refused(*arguments, out="out.heic")
    assert "cannot write file/out.png" in refused(*arguments, out="file/out.png")
    assert "made-0002.png: it is a folder" in refused(*arguments, "--every", "1", out="made.png")
    assert not (folder / "made.png").exists()


def test_an_unknown_method_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["stylize", "a", "b", "--method", "magic", "-o", "c.png"])
    assert "'model', 'gatys'" in capsys.readouterr().err
