"""``distill``: from a recipe to a loss network; runs that were interrupted go on, and those of others are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export_pipeline.cli import main
from export_pipeline.distill import Distilled, distill
from export_pipeline.distill.run import Amounts
from export_pipeline.errors import CheckpointError
from export_pipeline.perception.loss_network import distilled
from export_pipeline.perception.vgg_weights import Weights
from export_pipeline.recipe.distill import DistillRecipe

FEW = Amounts(first_crops=2, last_crops=4, held_crops=1, log_every=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the whole run of eight steps has written."""
    return tmp_path_factory.mktemp("distill")


@pytest.fixture(scope="module", autouse=True)
def made(recipe: DistillRecipe, teacher: Weights, folder: Path) -> Distilled:
    """A whole run of eight steps."""
    return distill(recipe, folder / "tiny.weights", teacher=teacher, amounts=FEW)


def left_in(out: Path, folder: Path, **changed: Any) -> None:
    """Leave for *out* the state of the run in *folder*, with entries of it *changed*."""
    state = out.parent / f".{out.name}.work" / "state.npz"
    state.parent.mkdir()
    with np.load(folder / ".tiny.weights.work" / "state.npz") as data:
        np.savez(state, **{**data, **changed})


def recorded_recipe(folder: Path) -> Any:
    """What the state of the run in *folder* says of its recipe."""
    with np.load(folder / ".tiny.weights.work" / "state.npz") as data:
        return json.loads(str(data["recipe"]))


def test_a_run_leaves_weights_that_train_styles_and_a_record(made: Distilled, folder: Path) -> None:
    network = distilled(folder / "tiny.weights")
    assert network.roots
    assert network.weights["conv1_1"][0].shape == (3, 3, 3, 2)
    assert Distilled.model_validate_json((folder / "tiny.json").read_text()).student == made.student
    assert made.student.bytes == (folder / "tiny.weights").stat().st_size
    assert made.held_crops == 1
    assert [row["step"] for row in made.log] == [2, 3, 4, 6, 8]  # with each checkpoint, and every third step
    assert np.shape(made.log[0]["errors"]) == (2, 5)
    assert len(made.student.errors) == len(made.student.float_errors) == 5
    assert all(np.isfinite(made.student.errors))


def test_the_baseline_has_no_embedding(made: Distilled, folder: Path) -> None:
    assert not distilled(folder / "tiny-slimmed.weights").roots
    assert made.baseline is not None
    assert made.baseline.parameters == made.student.parameters
    assert (made.baseline.embedding_parameters == 0) < made.student.embedding_parameters


@pytest.mark.parametrize("last", ["step 2 ", "step 4 ", "step 6 ", "fitting"])
def test_an_interrupted_run_ends_with_the_same_bytes(
    recipe: DistillRecipe, teacher: Weights, folder: Path, tmp_path: Path, last: str
) -> None:
    class StopError(Exception):
        pass

    def stop(line: str) -> None:
        if line.startswith(last):
            raise StopError

    out = tmp_path / "tiny.weights"
    with pytest.raises(StopError):
        distill(recipe, out, say=stop, teacher=teacher, amounts=FEW)
    assert not out.exists()
    distill(recipe, out, teacher=teacher, amounts=FEW)
    assert out.read_bytes() == (folder / "tiny.weights").read_bytes()
    assert (tmp_path / "tiny.json").read_bytes() == (folder / "tiny.json").read_bytes()


def test_another_recipes_work_is_refused(recipe: DistillRecipe, teacher: Weights, folder: Path, tmp_path: Path) -> None:
    left_in(tmp_path / "tiny.weights", folder)
    changed = recipe.model_copy(update={"seed": 5})
    with pytest.raises(CheckpointError, match=r"differs in seed.\nUse .*--fresh"):
        distill(changed, tmp_path / "tiny.weights", teacher=teacher)


def test_work_on_other_images_is_refused(recipe: DistillRecipe, teacher: Weights, folder: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "black.png")
    named = recorded_recipe(folder) | {"paintings": str(tmp_path)}
    left_in(tmp_path / "tiny.weights", folder, recipe=json.dumps(named))
    other = recipe.model_copy(update={"paintings": str(tmp_path)})
    with pytest.raises(CheckpointError, match="other images"):
        distill(other, tmp_path / "tiny.weights", teacher=teacher)


def test_damaged_work_is_refused(recipe: DistillRecipe, teacher: Weights, folder: Path, tmp_path: Path) -> None:
    left_in(tmp_path / "tiny.weights", folder)
    state = tmp_path / ".tiny.weights.work" / "state.npz"
    whole = state.read_bytes()
    state.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"damaged: .*--fresh"):
        distill(recipe, tmp_path / "tiny.weights", teacher=teacher)


@pytest.mark.parametrize("changed", [{"version": 1}, {"recipe": '{"xyzzy": 1}'}])
def test_work_of_another_version_is_refused(
    recipe: DistillRecipe, teacher: Weights, folder: Path, tmp_path: Path, changed: dict[str, Any]
) -> None:
    left_in(tmp_path / "tiny.weights", folder, **changed)
    with pytest.raises(CheckpointError, match=r"another version of export-pipeline. Start over with --fresh"):
        distill(recipe, tmp_path / "tiny.weights", teacher=teacher)


def test_what_an_older_recipe_could_not_say_has_its_default(
    recipe: DistillRecipe, teacher: Weights, folder: Path, tmp_path: Path
) -> None:
    """The message is of what really differs."""
    older = recorded_recipe(folder)
    del older["style_networks"]
    for phase in older["phases"]:
        del phase["painted"], phase["gram_weight"], phase["learning_rate"]
    left_in(tmp_path / "tiny.weights", folder, recipe=json.dumps(older))
    with pytest.raises(CheckpointError, match=r"differs in style_networks, phases\."):
        distill(recipe, tmp_path / "tiny.weights", teacher=teacher)


def test_fresh_forgets_what_an_interrupted_run_left(
    recipe: DistillRecipe, teacher: Weights, made: Distilled, folder: Path, tmp_path: Path
) -> None:
    left_in(tmp_path / "tiny.weights", folder, version=1)
    assert distill(recipe, tmp_path / "tiny.weights", teacher=teacher, amounts=FEW, fresh=True) == made


def test_images_that_are_missing_are_named_when_a_run_goes_on(
    recipe_file: Path, folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copytree(folder / ".tiny.weights.work", tmp_path / ".tiny.weights.work")
    recipe_file.write_text('content = "none"\n' + recipe_file.read_text())
    assert main(["distill", str(recipe_file), "-o", str(tmp_path / "tiny.weights")]) == 2
    error = capsys.readouterr().err
    assert "none" in error
    assert "fault of ours" not in error


def test_the_output_must_be_a_container(recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["distill", str(recipe_file), "-o", str(tmp_path / "x.npz")]) == 2
    assert ".weights" in capsys.readouterr().err
