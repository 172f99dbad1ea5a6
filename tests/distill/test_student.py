"""How a student learns, how its embeddings are fitted, and what it gives as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from export_pipeline.distill.slim import calibrated, convolution, slimmed
from export_pipeline.distill.student import STYLE_STAGES, LossWeights, Student
from export_pipeline.errors import TrainingError
from export_pipeline.models.vgg import STAGES, activations, needed_layers
from export_pipeline.perception.linear_map import least_squares
from export_pipeline.perception.statistics import gram
from export_pipeline.perception.vgg_weights import Weights


def begun(teacher: Weights, embedded: bool, images: np.ndarray, rate: float = 1e-3) -> Student:
    student = Student(teacher, 0.5, embedded, rate)
    student.begin(calibrated(slimmed(teacher, 0.5), teacher, images))
    return student


def features(student: Student, images: np.ndarray) -> list[np.ndarray]:
    """Those of *images* at each stage by the arrays of *student*, embedded where it has embeddings."""
    arrays = student.arrays()
    kernels = {layer: (arrays[f"{layer}_kernel"], arrays[f"{layer}_bias"]) for layer in needed_layers(STAGES)}
    found = []
    for stage, feature in zip(STAGES, activations(images, kernels, STAGES), strict=True):
        embedding = arrays.get(f"{stage}_embedding")
        found.append(feature.numpy() if embedding is None else feature.numpy() @ embedding[0, 0])
    return found


def test_least_squares_finds_the_embedding_and_leaves_dead_filters_out() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(500, 6)) * [1, 10, 100, 1000, 1, 0]  # the last never fires
    wanted = random.normal(size=(6, 9))
    found = least_squares(x.T @ x, x.T @ (x @ wanted))
    assert np.linalg.norm(x @ found - x @ wanted) < 1e-3 * np.linalg.norm(x @ wanted)
    weak = x[:, :5] / [1, 10, 100, 1000, 1]  # every filter's part counts, not the strongest's alone
    assert np.linalg.norm(weak @ (found - wanted)[:5]) < 2e-2 * np.linalg.norm(weak @ wanted[:5])
    assert not found[5].any()


def test_a_fit_in_batches_is_a_fit_of_all_and_lowers_every_error(teacher: Weights, images: np.ndarray) -> None:
    wanted = activations(images, teacher, STAGES)
    students = [begun(teacher, True, images) for _ in range(2)]
    before = students[0].errors(images, wanted).numpy()
    students[0].fit_embeddings([(images, wanted)])
    students[1].fit_embeddings((images[i : i + 1], [part[i : i + 1] for part in wanted]) for i in range(len(images)))
    after = students[0].errors(images, wanted).numpy()
    assert (after < before).all()
    np.testing.assert_allclose(students[1].errors(images, wanted), after, rtol=1e-3, atol=2e-8)


@pytest.mark.parametrize("embedded", [True, False])
def test_arrays_are_in_the_units_of_the_teacher(teacher: Weights, images: np.ndarray, embedded: bool) -> None:
    wanted = activations(images, teacher, STAGES)
    student = begun(teacher, embedded, images)
    student.fit_embeddings([(images, wanted)])
    kept = slimmed(teacher, 0.5).kept
    errors = []
    for stage, feature, target in zip(STAGES, features(student, images), wanted, strict=True):
        target = target.numpy() if embedded else target.numpy()[..., kept[convolution(stage)]]
        axes = (1, 2, 3)
        errors.append(np.mean(np.square(target - feature).sum(axes) / np.square(target).sum(axes)))
    np.testing.assert_allclose(student.errors(images, wanted), errors, rtol=1e-3, atol=1e-6)
    other = begun(teacher, embedded, images)
    other.assign(student.arrays())
    np.testing.assert_allclose(other.errors(images, wanted), errors, rtol=1e-3, atol=1e-6)


def test_a_student_whose_filters_are_dead_is_refused(teacher: Weights, images: np.ndarray) -> None:
    student = begun(teacher, True, images)
    for kernel, bias in student.weights.values():
        kernel.assign(kernel * 0)
        bias.assign(bias * 0 - 1)
    with pytest.raises(TrainingError, match="no filter of relu1_1 fires any more; try a smaller learning_rate"):
        student.fit_embeddings([(images, activations(images, teacher, STAGES))])


def test_the_state_is_all_that_decides(teacher: Weights, images: np.ndarray) -> None:
    """A student that was never begun gives the same arrays from the state of another."""
    student = begun(teacher, True, images)
    student.fit_embeddings([(images, activations(images, teacher, STAGES))])
    other = Student(teacher, 0.5, True, 1e-3)
    for variable, value in zip(other.state, student.state, strict=True):
        variable.assign(value)
    wanted = student.arrays()
    for name, array in other.arrays().items():
        np.testing.assert_array_equal(array, wanted[name])


def test_steps_that_compare_gram_matrices_bring_them_nearer(teacher: Weights, images: np.ndarray) -> None:
    """Nearer than steps that compare the features alone, which least squares have fitted as well as can be."""
    wanted = activations(images, teacher, STAGES)
    found = {}
    for weight in (0.0, 4.0):
        student = begun(teacher, True, images, 1e-4)
        student.fit_embeddings([(images, wanted)])
        for _ in range(40):
            student.step(images, wanted, LossWeights(gram=weight))
        pairs = list(zip(features(student, images), wanted, strict=True))[:STYLE_STAGES]
        grams = [(gram(own).numpy(), gram(target).numpy()) for own, target in pairs]
        found[weight] = [float(np.square(own - target).sum() / np.square(target).sum()) for own, target in grams]
    assert np.prod(found[4.0]) < 0.7 * np.prod(found[0.0]), found
