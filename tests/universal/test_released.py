"""The released pair: a network that tells a style, and one that paints after it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from export_pipeline.base.files import size
from export_pipeline.base.images import fit
from export_pipeline.bundle import Bundle
from export_pipeline.cli import main
from export_pipeline.formats import open_model
from export_pipeline.models.adain import AXES, STATISTICS
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import builtin
from export_pipeline.tasks.paintings import squared
from export_pipeline.tasks.style_axes import REGULARIZING
from export_pipeline.tasks.style_encoding import ENCODER_SHA256, encode, encoder_sha256
from export_pipeline.train.checkpoint import Checkpoint
from export_pipeline.universal.__main__ import RECIPE
from tests.builds import ROOT

FOLDER = ROOT / "artifacts" / "universal"
PAINTER, ENCODER = FOLDER / "painter", FOLDER / "encoder"
MOST_BYTES = 500_000  # of both networks in 8 bits; the published one has 1.9 MB


@pytest.mark.parametrize("bundle", [PAINTER, ENCODER], ids=lambda path: path.name)
def test_every_check_of_a_report_passed(bundle: Path) -> None:
    found = json.loads((bundle / "report.json").read_text())
    assert {row["status"] for row in found["parity"]} == {"passed"}
    assert {row["status"] for row in found["budgets"]} <= {"passed"}


def test_the_painter_is_what_its_recipe_makes() -> None:
    recipe = Recipe.load(ROOT / "export_pipeline" / "recipes" / "universal.toml")
    assert Bundle.open(PAINTER).manifest.recipe.model_dump() == recipe.model_dump()


def test_the_painter_was_trained_on_what_the_encoder_tells() -> None:
    info = Checkpoint.open(PAINTER / "checkpoint.safetensors").info
    assert info.fingerprint[ENCODER_SHA256] == encoder_sha256()


def test_the_encoder_is_what_its_recipe_makes_and_ran_on_apples_runtime(tmp_path: Path) -> None:
    (tmp_path / "encoder.toml").write_text(RECIPE)
    targets = Bundle.open(ENCODER).manifest.recipe.export.targets
    assert targets == Recipe.load(tmp_path / "encoder.toml").export.targets
    rows = [row["target"] for row in json.loads((ENCODER / "report.json").read_text())["parity"]]
    assert {"aimodel-fp16", "aimodel-int8"} <= set(rows) == set(targets)


def test_both_in_eight_bits_are_small() -> None:
    files = [next(folder.glob("*-int8.mlmodel")) for folder in (PAINTER, ENCODER)]
    assert sum(map(size, files)) <= MOST_BYTES


def test_what_the_encoder_file_tells_is_what_the_painter_file_takes() -> None:
    painting, photo = builtin.style_image(), fit(builtin.photographs()["coffee"], 640, 480)
    encoder = open_model(next(ENCODER.glob("*-dynamic.tflite")))
    (told,) = encoder.infer({"painting": squared(painting, 512)}).values()
    assert told.reshape(-1).shape == (STATISTICS,)
    exact = encode(painting)
    # Along later axes styles differ less, and eight bits are off by more.
    leading, later = [*range(REGULARIZING), *range(AXES, STATISTICS)], range(REGULARIZING, AXES)
    for part, most in ((leading, 0.05), (later, 0.3)):
        assert np.linalg.norm((told.ravel() - exact.ravel())[part]) / np.linalg.norm(exact.ravel()[part]) < most
    painter = open_model(next(PAINTER.glob("*-dynamic.tflite")))
    made = []
    for style in (told.reshape(exact.shape), exact):
        inputs = {"image": photo, "style": style.astype(np.float32), "strength": np.ones((1, 1, 1), np.float32)}
        made += painter.infer(inputs).values()
    assert 10 * np.log10(255**2 / np.mean(np.square(made[0] - made[1]))) > 25
    assert np.abs(made[0] - photo).mean() > 5


def test_stylize_uses_it_without_being_told(tmp_path: Path) -> None:
    photo = ROOT / "artifacts" / "starry_night_small" / "golden" / "photo.png"
    style = ROOT / "artifacts" / "starry_night_small" / "golden" / "float.png"
    out = tmp_path / "out.png"
    assert main(["stylize", str(photo), "--method", "adain", "--style", str(style), "-o", str(out)]) == 0
    assert out.is_file()
