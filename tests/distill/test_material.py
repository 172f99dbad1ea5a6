"""Crops: functions of seed and number, cut from images, and stylized by networks that the recipe names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export_pipeline.cli import main
from export_pipeline.distill.material import Material, crop_of, held_crops, varied_crop
from export_pipeline.errors import CheckpointError
from export_pipeline.recipe.distill import DistillRecipe
from tests.imports import ROOT


def test_crops_are_pure_functions_of_seed_and_number() -> None:
    material = Material.of(DistillRecipe())
    first = [varied_crop(material, 1, index, 40) for index in range(12)]
    for index in (11, 3):
        np.testing.assert_array_equal(varied_crop(material, 1, index, 40), first[index])
    assert not np.array_equal(varied_crop(material, 2, 3, 40), first[3])
    for crop in first:
        assert crop.shape == (40, 40, 3)
        assert crop.dtype == np.float32
        assert 0 <= crop.min() <= crop.max() <= 255


def test_a_crop_is_a_part_of_the_image() -> None:
    ramp = np.repeat(np.linspace(0, 255, 300)[None, :, None], 200, 0).repeat(3, 2).astype(np.uint8)
    crop = crop_of(ramp, 64, np.random.default_rng(0))
    slopes = np.diff(crop.mean((0, 2)))
    assert abs(abs(slopes.mean()) - 255 / 300 * 200 / 384) < 0.3
    assert np.ptp(crop.mean((1, 2))) < 1


def test_held_crops_are_of_held_out_photographs_alone() -> None:
    material = Material.of(DistillRecipe())
    assert not set(material.held.names) & set(material.photographs.names)
    found = held_crops(material, 3, 48)
    assert found.shape == (3, 48, 48, 3)
    np.testing.assert_array_equal(held_crops(material, 2, 48), found[:2])


def test_painted_crops_are_what_a_style_network_makes_of_the_others(recipe: DistillRecipe) -> None:
    from export_pipeline.train import Checkpoint, restored

    material = Material.of(recipe)
    network = restored(Checkpoint.open(recipe.path(recipe.style_networks[0])))
    whole, blended = 0, 0
    for number in range(12):
        plain, shown = (varied_crop(material, 1, number, 40, painted) for painted in (0.0, 1.0))
        picture = network(plain[None], training=False)[0].numpy()
        share = float(((shown - plain) * (picture - plain)).sum() / np.square(picture - plain).sum())
        np.testing.assert_allclose(shown, share * picture + (1 - share) * plain, atol=0.02)
        whole, blended = whole + (share > 0.999), blended + (0 < share < 0.999)
    assert whole
    assert blended
    assert material.sha256 != Material.of(DistillRecipe()).sha256


def test_a_style_network_that_is_not_there_is_named(
    recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe_file.write_text(recipe_file.read_text().replace("starry_night_small", "nobody"))
    assert main(["distill", str(recipe_file), "-o", str(tmp_path / "tiny.weights")]) == 2
    assert "nobody" in capsys.readouterr().err


def test_a_style_network_that_is_not_finished_is_refused_before_a_step(
    recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as a checkpoint of the middle of pruning, whose wrapped network has other tensors."""
    from safetensors.numpy import save_file

    from export_pipeline.train import Checkpoint

    whole = ROOT / "artifacts/starry_night_small/checkpoint.safetensors"
    metadata = {"checkpoint": Checkpoint.open(whole).info.model_dump_json()}
    save_file({"model.0000": np.zeros((2, 2), np.float32)}, tmp_path / "half.safetensors", metadata)
    recipe_file.write_text(recipe_file.read_text().replace(str(whole), "half.safetensors"))
    assert main(["distill", str(recipe_file), "-o", str(tmp_path / "tiny.weights")]) == 2
    error = capsys.readouterr().err
    assert "half.safetensors was made by another network" in error
    assert "fault of ours" not in error
    assert not (tmp_path / ".tiny.weights.work/log.jsonl").exists()


def test_painted_crops_that_a_style_network_cannot_mirror_are_refused(recipe: DistillRecipe) -> None:
    small = recipe.phases[0].model_copy(update={"crop": 32})
    with pytest.raises(CheckpointError, match="by 32 pixels, and painted crops have 32; take larger crops"):
        Material.of(recipe.model_copy(update={"phases": (small, *recipe.phases[1:])}))
    assert Material.of(recipe).style_networks[0].margin == 32
