"""What a training of a distillation does: nearer features, embeddings as asked for, and the learning rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from export_pipeline.distill.material import Material, held_crops
from export_pipeline.distill.run import Amounts, Run, cosines, held_errors
from export_pipeline.distill.state import State
from export_pipeline.perception.vgg_weights import Weights
from export_pipeline.recipe.distill import DistillRecipe
from export_pipeline.train.fit import Schedules, schedule

FEW = Amounts(first_crops=2, last_crops=4)


def run_of(recipe: DistillRecipe, folder: Path, teacher: Weights, said: list[str] | None = None) -> Run:
    material, said = Material.of(recipe), [] if said is None else said
    return Run(recipe, State(folder, recipe, material.sha256), material, teacher, FEW, said.append)


def test_training_brings_the_features_nearer(recipe: DistillRecipe, teacher: Weights, tmp_path: Path) -> None:
    """The embeddings end where least squares puts them, trained or not; steps must do better."""
    phase = recipe.phases[1].model_copy(update={"steps": 30, "learning_rate": None})
    found = []
    for rate in (1e-9, 1e-3):
        changed = recipe.model_copy(update={"phases": (phase,), "learning_rate": rate, "baseline": False})
        run = run_of(changed, tmp_path / str(rate), teacher)
        trained = run.trained()
        found.append(np.array(held_errors(trained, trained.students[0], held_crops(run.material, 1))))
    untrained, learned = found
    assert np.prod(learned) < 0.8 * np.prod(untrained)


def test_embeddings_stay_as_learned_where_the_last_phase_compares_gram_matrices(
    recipe: DistillRecipe, teacher: Weights, tmp_path: Path
) -> None:
    last = recipe.phases[1].model_copy(update={"gram_weight": 0.5})
    said: list[str] = []
    changed = recipe.model_copy(update={"phases": (last,), "baseline": False})
    student = run_of(changed, tmp_path / "work", teacher, said).trained().students[0]
    assert said
    assert "fitting the embeddings" not in said
    averages = [v.numpy() for v in student.optimizer._model_variables_moving_average]
    for variable, average in zip(student.trainable, averages, strict=True):
        np.testing.assert_array_equal(variable.numpy(), average)


def test_the_learning_rate_begins_anew_where_a_phase_says_so(recipe: DistillRecipe) -> None:
    assert cosines(recipe) == [(0.002, 4), (0.001, 4)]
    going_on = recipe.model_copy(update={"phases": (recipe.phases[0], recipe.phases[0])})
    assert cosines(going_on) == [(0.002, 8)]
    rates = [float(Schedules([(0.002, 40), (0.001, 100)])(step)) for step in range(140)]
    expected = [float(schedule(*part)(step)) for part in ((0.002, 40), (0.001, 100)) for step in range(part[1])]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)
