"""``compare``: models on the same photographs and style."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from export_pipeline.cli import main
from tests import small_models
from tests.verbs.material import MODELS, PHOTO, refused


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network as a file: what is compared is not what this is about."""
    return small_models.exported_to(tmp_path_factory.mktemp("model"), "onnx-fp32")


def test_compare_judges_models_on_the_same_photographs(
    model: Path, tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.open(PHOTO).save(tmp_path / "photo.png")
    (tmp_path / "bad.png").write_text("not a picture")  # skipped, as a training does
    style = ["--style", str(PHOTO), "--photographs", str(tmp_path), "--vgg-weights", str(vgg_file)]
    assert main(["compare", str(model), *style, "--json"]) == 0
    out, err = capsys.readouterr()
    assert "skipped 1 of 2 images" in err
    assert "bad.png" in err
    untouched, ours = json.loads(out)
    assert untouched["images"] == 1
    assert untouched["content_distance"] == 0
    assert ours["content_distance"] > 0
    assert ours["bytes"] == model.stat().st_size


def test_compare_measures_the_flicker_of_a_video(
    model: Path, tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.open(PHOTO).save(tmp_path / "photo.png")
    options = ["--style", str(PHOTO), "--photographs", str(tmp_path), "--vgg-weights", str(vgg_file), "--video"]
    assert main(["compare", str(model), *options, "--json"]) == 0
    untouched, ours = json.loads(capsys.readouterr().out)
    assert untouched["pan_flicker"] == 0
    assert ours["pan_flicker"] > 0
    assert ours["light_flicker"] > 0
    assert main(["compare", str(model), *options]) == 0
    assert capsys.readouterr().out.split("\n")[0].split()[-2:] == ["pan", "light"]


def test_compare_tells_of_a_bad_model_before_it_runs_the_first(
    model: Path, tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.open(PHOTO).save(tmp_path / "photo.png")
    options = ["--style", str(PHOTO), "--photographs", str(tmp_path), "--vgg-weights", str(vgg_file)]
    told = refused(["compare", str(model), str(tmp_path / "missing.onnx"), *options], capsys)
    assert "missing.onnx" in told
    assert f"{model}" not in told


def test_compare_takes_the_last_photographs_or_all_where_there_are_fewer(
    model: Path, tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        Image.open(PHOTO).save(tmp_path / f"{name}.png")
    options = ["--style", str(PHOTO), "--photographs", str(tmp_path), "--vgg-weights", str(vgg_file), "--json"]
    for last, count in (("1", 1), ("9", 2)):
        assert main(["compare", str(model), *options, "--last", last]) == 0
        assert [row["images"] for row in json.loads(capsys.readouterr().out)] == [count, count]


@pytest.mark.parametrize("wrong", ["style", "no photographs", "no folder", "photographs", "model", "weights"])
def test_compare_refuses_bad_input(
    wrong: str, tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs, empty = tmp_path / "photographs", tmp_path / "empty"
    for folder in (photographs, empty):
        folder.mkdir()
    shutil.copy(PHOTO, photographs)
    if wrong == "photographs":
        (photographs / PHOTO.name).write_text("not a picture")
    folder = {"no photographs": empty, "no folder": tmp_path / "missing"}.get(wrong, photographs)
    style = tmp_path / "missing.png" if wrong == "style" else PHOTO
    model = tmp_path / "missing.onnx" if wrong == "model" else MODELS[0]
    weights = tmp_path / "missing.npz" if wrong == "weights" else vgg_file
    options = ["--style", str(style), "--photographs", str(folder), "--vgg-weights", str(weights)]
    assert str(tmp_path) in refused(["compare", str(model), *options], capsys)
