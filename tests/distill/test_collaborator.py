"""Collaborative distillation: the teacher's decoders must rebuild images of a student's embedded features."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from export_pipeline import coding
from export_pipeline.distill import distill
from export_pipeline.distill.collaborator import Collaborator
from export_pipeline.distill.distillation import Distillation
from export_pipeline.distill.run import Amounts
from export_pipeline.errors import CheckpointError, PipelineError, RecipeError, UsageError, WeightsError
from export_pipeline.perception.codec import Codec
from export_pipeline.perception.loss_network import LossNetwork
from export_pipeline.perception.vgg_weights import Weights
from export_pipeline.recipe.distill import DistillRecipe
from export_pipeline.tasks import builtin
from export_pipeline.tasks.photographs import Photographs
from export_pipeline.universal.wct.decoders import train_decoders, training_of
from export_pipeline.universal.wct.record import Phase
from tests.universal.wct_material import arrays_of

import tensorflow as tf  # isort: skip - the modules above load it quietly

FEW = Amounts(first_crops=4, last_crops=4, held_crops=2, log_every=10)
TAPS = ("relu1_1", "relu2_1")
HEAD = 'decoders = "decoders.weights"\nedges = "repeated"'
BOTH = "embedding_weight = 1.0\ncollaborator_weight = 1.0\n"
ALONE = "embedding_weight = 0.0\ncollaborator_weight = 1.0\n"


def recipe_of(folder: Path, weights: str, head: str = "", steps: int = 20, crop: int = 32) -> DistillRecipe:
    path = folder / "recipe.toml"
    path.write_text(
        f"width = 0.5\nbits = 8\nlearning_rate = 0.002\ncheckpoint_every = 5\n{head}\n"
        f"[[phases]]\ncrop = {crop}\nbatch_size = 2\nsteps = {steps}\n{weights}"
    )
    return DistillRecipe.load(path)


@pytest.fixture(scope="module")
def trained(teacher: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the teacher, trained a little."""
    path, network = tmp_path_factory.mktemp("decoders") / "decoders.weights", LossNetwork(teacher)
    photographs = builtin.photographs()
    material = Photographs(tuple(photographs), list(photographs.values()).__getitem__)
    phases = {tap: (Phase(steps=60, crop=32, batch_size=2),) for tap in TAPS}
    train_decoders(network, training_of("tenth", network, material, phases), material, material, path, bits=8)
    return path


@pytest.fixture
def decoders(trained: Path, tmp_path: Path) -> Path:
    return shutil.copy(trained, tmp_path / "decoders.weights")


def test_what_is_rebuilt_comes_nearer(teacher: Weights, tmp_path: Path, decoders: Path) -> None:
    """The decoders take turns."""
    recipe = recipe_of(tmp_path, ALONE, HEAD, steps=80)
    log = distill(recipe, tmp_path / "alone.weights", teacher=teacher, amounts=FEW).log
    assert set(log[0]["rebuilt"]) == set(TAPS)
    # The decoder of relu2_1 has learned too little to rebuild anything.
    assert np.mean([row["rebuilt"]["relu1_1"] for row in log[-4:]]) < 0.7 * log[0]["rebuilt"]["relu1_1"]


def test_an_interrupted_run_asks_the_decoders_in_the_same_turn(
    teacher: Weights, tmp_path: Path, decoders: Path
) -> None:
    recipe = recipe_of(tmp_path, BOTH, HEAD)
    whole = distill(recipe, tmp_path / "whole.weights", teacher=teacher, amounts=FEW)

    class StopHereError(Exception):
        pass

    def stop(line: str) -> None:
        if line.startswith("step 20"):
            raise StopHereError

    # It goes on after step 15, where the second of two decoders has its turn.
    with pytest.raises(StopHereError):
        distill(recipe, tmp_path / "again.weights", teacher=teacher, amounts=FEW, say=stop)
    again = distill(recipe, tmp_path / "again.weights", teacher=teacher, amounts=FEW)
    assert again.student.sha256 == whole.student.sha256
    assert again.log == whole.log


def test_a_network_goes_on_from_one_that_was_distilled(teacher: Weights, tmp_path: Path) -> None:
    """With no learning to speak of it is the same again; one of another width is refused."""
    first = distill(recipe_of(tmp_path, ""), tmp_path / "first.weights", teacher=teacher, amounts=FEW)
    # With Gram matrices no least squares follow.
    still = recipe_of(tmp_path, "learning_rate = 1e-9\ngram_weight = 0.1\n", 'start = "first.weights"')
    second = distill(still, tmp_path / "second.weights", teacher=teacher, amounts=FEW)
    np.testing.assert_allclose(second.student.float_errors, first.student.errors, rtol=0.01)
    assert second.start_sha256
    narrower = still.model_copy(update={"width": 0.25})
    narrower._folder = tmp_path
    with pytest.raises(WeightsError, match="the width that it was distilled with"):
        distill(narrower, tmp_path / "third.weights", teacher=teacher, amounts=FEW)


def test_what_an_interrupted_run_began_with_must_be_the_same(teacher: Weights, tmp_path: Path, decoders: Path) -> None:
    recipe = recipe_of(tmp_path, BOTH, HEAD)
    distill(recipe, tmp_path / "some.weights", teacher=teacher, amounts=FEW)
    coding.write(decoders, arrays_of(LossNetwork(teacher), TAPS))
    with pytest.raises(CheckpointError, match="was trained with other decoders"):
        distill(recipe, tmp_path / "some.weights", teacher=teacher, amounts=FEW)
    with pytest.raises(UsageError, match="is read; it is not overwritten"):
        distill(recipe, decoders, teacher=teacher, amounts=FEW)


def test_decoders_of_another_teacher_are_refused(vgg_arrays: Weights, tmp_path: Path, decoders: Path) -> None:
    recipe = recipe_of(tmp_path, BOTH, HEAD)
    with pytest.raises(WeightsError, match="of another encoder"):
        distill(recipe, tmp_path / "some.weights", teacher=vgg_arrays, amounts=FEW)


@pytest.mark.parametrize(
    ("weights", "head", "part"),
    [
        (BOTH, "", "decoders is not given"),
        ("", HEAD, "no phase has a collaborator_weight"),
        ("embedding_weight = 0.0\n", "", "are all 0"),
        ("", 'start = "distilled"\nbaseline = true', "no start and no decoders go with it"),
        (BOTH, 'decoders = "decoders.weights"', 'edges = "repeated"'),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path: Path, weights: str, head: str, part: str) -> None:
    with pytest.raises(RecipeError, match=part):
        recipe_of(tmp_path, weights, head)


def test_a_start_without_embeddings_is_refused(teacher: Weights, tmp_path: Path) -> None:
    bare = {f"{layer}_kernel": pair[0] for layer, pair in teacher.items()}
    bare |= {f"{layer}_bias": pair[1] for layer, pair in teacher.items()}
    coding.write(tmp_path / "bare.weights", bare)
    with pytest.raises(PipelineError, match="has no embeddings"):
        distill(recipe_of(tmp_path, "", 'start = "bare.weights"'), tmp_path / "x.weights", teacher=teacher, amounts=FEW)


def test_crops_that_a_decoder_cannot_make_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="crop is 40 with a collaborator_weight; it must be a multiple of 16"):
        recipe_of(tmp_path, BOTH, HEAD, crop=40)


def test_the_gradient_goes_through_a_decoder_that_looks_deeper(teacher: Weights, decoders: Path) -> None:
    """Along the gradient of the error of what the second decoder rebuilds, the error falls as the gradient says."""
    collaborator = Collaborator(Codec.of(LossNetwork(teacher), coding.read(decoders), decoders))
    images = np.random.default_rng(3).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    wanted = Distillation(teacher, [], repeated=True).teach(images)
    embedded = tf.Variable(0.7 * wanted[1])
    slot = [wanted[0], embedded, *wanted[2:]]
    with tf.GradientTape() as tape:
        before = collaborator.error("relu2_1", images, wanted, slot)
    gradient = tape.gradient(before, embedded)
    power = float(tf.reduce_sum(tf.square(gradient)))
    step = 0.002 * float(before) / power
    embedded.assign_sub(step * gradient)
    after = collaborator.error("relu2_1", images, wanted, slot)
    assert float(before - after) == pytest.approx(step * power, rel=0.2)
