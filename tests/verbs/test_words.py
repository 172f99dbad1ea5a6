"""What goes wrong is told in words of the user's: what was wrong, what is allowed, what to do."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export_pipeline.cli import main
from export_pipeline.verbs.common import Verb
from tests.builds import COMMITTED

RECIPES = Path(__file__).parents[2] / "export_pipeline" / "recipes"
ONNX = COMMITTED / "starry_night_small-fp32.onnx"


def said(capsys: pytest.CaptureFixture[str], *words: object, code: int = 2) -> str:
    assert main([str(word) for word in words]) == code
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("toml", "wanted", "unwanted"),
    [
        (
            'name = "My Style-1"',
            "name is 'My Style-1': it must be 1 to 64 lower-case letters, digits and _",
            "[a-z0-9]",
        ),
        ('[export]\ntargets = "tflite-int8"', "export.targets is 'tflite-int8': it must be a list", "tuple"),
        ("[train]\ncrop = 3", "train.crop is 3: it must be greater than or equal to 32", "Input should"),
        (f'[train]\nwarm_start = "{ONNX}"', "it is a .onnx file, and weights are read from a .safetensors", "header"),
        (f'[train]\nwarm_start = "{COMMITTED}"', "it is a folder. Name a whole checkpoint file", "deserializing"),
    ],
)
def test_a_recipe_is_refused_in_words(
    toml: str, wanted: str, unwanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.toml").write_text(toml)
    found = said(capsys, "build", tmp_path / "r.toml", "-o", tmp_path / "out")
    assert wanted in found
    assert unwanted not in found


def test_a_file_that_is_no_text_is_no_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not a TOML recipe: it is no text in UTF-8" in said(capsys, "build", ONNX)


@pytest.mark.parametrize("verb", ["verify", "report"])
def test_a_manifest_of_something_else_is_no_bundle(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    found = said(capsys, verb, tmp_path)
    assert "is not a bundle: its manifest.json is not one of ours (files is missing; name is missing;" in found
    assert "Name a folder made by 'build'" in found
    assert "validation error" not in found


def test_a_manifest_that_lacks_keys_says_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(COMMITTED, tmp_path / "bundle")
    path = tmp_path / "bundle" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["models"]
    path.write_text(json.dumps(manifest))
    assert "manifest.json is damaged: models is missing. Build" in said(capsys, "verify", tmp_path / "bundle", code=1)


def test_inspect_reads_the_checkpoint_of_a_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = COMMITTED / "checkpoint.safetensors"
    recipe = json.loads((COMMITTED / "manifest.json").read_text())["recipe"]
    assert main(["inspect", str(checkpoint), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["parameters"] == 11868
    assert main(["inspect", str(RECIPES / recipe["train"]["warm_start"]), "--json"]) == 0
    before = int(json.loads(capsys.readouterr().out)["metadata"]["step"])
    steps = before + recipe["train"]["steps"] + recipe["compress"]["quantize"]["steps"]
    assert found["metadata"]["step"] == str(steps)
    assert found["metadata"]["recipe.train.style"].endswith("starry_night.jpg")
    assert main(["inspect", str(checkpoint)]) == 0
    shown = capsys.readouterr().out
    assert "parameters 11,868" in shown
    assert "model.0000" in shown


@pytest.mark.parametrize("file", ["starry_night_small-dynamic.tflite", "starry_night_small-fp32.onnx"])
def test_predict_writes_the_picture_that_an_array_holds(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = COMMITTED / "golden" / "photo.png"
    out = tmp_path / "p.png"
    assert main(["predict", str(COMMITTED / file), "--input", f"image={photo}", "-o", str(out), "--json"]) == 0
    found: Any = json.loads(capsys.readouterr().out)["outputs"]["stylized"]
    assert (found["kind"], found["file"]) == ("image", str(out))
    expected = np.asarray(Image.open(COMMITTED / "golden" / "float.png"), np.float32)
    assert np.abs(np.asarray(Image.open(out), np.float32) - expected).mean() < 2


def test_what_is_missing_is_had_from_where_the_package_lies(capsys: pytest.CaptureFixture[str]) -> None:
    def needs(options: object) -> None:
        raise ModuleNotFoundError("", name="no_such_library")

    verb = Verb("any", "any", lambda parser: None, needs)
    assert main(["any"], [verb]) == 2
    found = capsys.readouterr().err
    assert "needs no_such_library" in found
    assert "pip install '.[all]'" in found
    assert "export-pipeline[all]" not in found
    assert "no_such_library" not in sys.modules


def test_logs_of_no_training_are_not_awaited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = f'[train]\nsteps = 0\nwarm_start = "{COMMITTED / "checkpoint.safetensors"}"\n'
    (tmp_path / "r.toml").write_text(table)
    words = ["train", str(tmp_path / "r.toml"), "-o", str(tmp_path / "out"), "--tensorboard", str(tmp_path / "logs")]
    assert main(words) == 0
    assert f"nothing is written to {tmp_path / 'logs'}, for nothing was left to train" in capsys.readouterr().err
