"""What a student starts from, and how its embeddings are fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from export_pipeline.distill.student import (
    KERNEL_RMS,
    STYLE_STAGES,
    Slimmed,
    Student,
    balancing,
    calibrated,
    convolution,
    least_squares,
    rescaled,
    rms,
    slimmed,
)
from export_pipeline.errors import TrainingError
from export_pipeline.perception.statistics import gram
from models.vgg import STAGES, activations, needed_layers


@pytest.fixture(scope="module")
def teacher(vgg_arrays: Any) -> Any:
    """A tenth of VGG-19's filters."""
    return slimmed(vgg_arrays, 0.1).weights


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 255, (4, 48, 48, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def start(teacher: Any) -> Slimmed:
    return slimmed(teacher, 0.5)


def begun(teacher: Any, embedded: bool, images: np.ndarray, rate: float = 1e-3) -> Student:
    student = Student(teacher, 0.5, embedded, rate)
    student.begin(calibrated(slimmed(teacher, 0.5), teacher, images))
    return student


def test_calibrated_filters_respond_as_their_teachers_do(teacher: Any, images: np.ndarray, start: Slimmed) -> None:
    layers = needed_layers(STAGES)
    weights = calibrated(start, teacher, images)
    for layer, wanted, found in zip(
        layers, activations(images, teacher, layers), activations(images, weights, layers), strict=True
    ):
        wanted = wanted.numpy()[..., start.kept[layer]]
        np.testing.assert_allclose(found.numpy().mean((0, 1, 2)), wanted.mean((0, 1, 2)), rtol=1e-2, atol=1e-4)
        np.testing.assert_allclose(found.numpy().std((0, 1, 2)), wanted.std((0, 1, 2)), rtol=1e-2, err_msg=layer)


def test_balancing_changes_features_by_a_factor_alone(teacher: Any, images: np.ndarray) -> None:
    factors = balancing(teacher)
    weights = rescaled(teacher, factors)
    for kernel, _ in weights.values():
        assert rms(kernel) == pytest.approx(KERNEL_RMS, rel=1e-5)
    wanted, found = activations(images, teacher, STAGES), activations(images, weights, STAGES)
    for stage, before, after in zip(STAGES, wanted, found, strict=True):
        expected = before.numpy() * factors[convolution(stage)]
        np.testing.assert_allclose(after, expected, rtol=1e-3, atol=1e-4 * expected.max())
    back = rescaled(weights, {layer: 1 / factor for layer, factor in factors.items()})
    for layer, pair in back.items():
        np.testing.assert_allclose(pair[0], teacher[layer][0], rtol=1e-5)


def test_least_squares_finds_the_embedding_and_leaves_dead_filters_out() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(500, 6)) * [1, 10, 100, 1000, 1, 0]  # the last never fires
    wanted = random.normal(size=(6, 9))
    found = least_squares(x.T @ x, x.T @ (x @ wanted))
    assert np.linalg.norm(x @ found - x @ wanted) < 1e-3 * np.linalg.norm(x @ wanted)
    weak = x[:, :5] / [1, 10, 100, 1000, 1]  # every filter's part counts, not the strongest's alone
    assert np.linalg.norm(weak @ (found - wanted)[:5]) < 2e-2 * np.linalg.norm(weak @ wanted[:5])
    assert not found[5].any()


def test_a_fit_in_batches_is_a_fit_of_all_and_lowers_every_error(teacher: Any, images: np.ndarray) -> None:
    wanted = activations(images, teacher, STAGES)
    students = [begun(teacher, True, images) for _ in range(2)]
    before = students[0].errors(images, wanted).numpy()
    students[0].fit_embeddings([(images, wanted)])
    students[1].fit_embeddings((images[i : i + 1], [part[i : i + 1] for part in wanted]) for i in range(len(images)))
    after = students[0].errors(images, wanted).numpy()
    assert (after < before).all()
    np.testing.assert_allclose(students[1].errors(images, wanted), after, rtol=1e-3, atol=2e-8)


@pytest.mark.parametrize("embedded", [True, False])
def test_arrays_are_in_the_units_of_the_teacher(teacher: Any, images: np.ndarray, embedded: bool) -> None:
    wanted = activations(images, teacher, STAGES)
    student = begun(teacher, embedded, images)
    student.fit_embeddings([(images, wanted)])
    arrays = student.arrays()
    kernels = {layer: (arrays[f"{layer}_kernel"], arrays[f"{layer}_bias"]) for layer in needed_layers(STAGES)}
    kept = slimmed(teacher, 0.5).kept
    errors = []
    for stage, feature, target in zip(STAGES, activations(images, kernels, STAGES), wanted, strict=True):
        feature, target = feature.numpy(), target.numpy()
        if embedded:
            feature = feature @ arrays[f"{stage}_embedding"][0, 0]
        else:
            target = target[..., kept[convolution(stage)]]
        axes = (1, 2, 3)
        errors.append(np.mean(np.square(target - feature).sum(axes) / np.square(target).sum(axes)))
    np.testing.assert_allclose(student.errors(images, wanted), errors, rtol=1e-3, atol=1e-6)
    other = begun(teacher, embedded, images)
    other.assign(arrays)
    np.testing.assert_allclose(other.errors(images, wanted), errors, rtol=1e-3, atol=1e-6)


def test_a_student_whose_filters_are_dead_is_refused(teacher: Any, images: np.ndarray) -> None:
    student = begun(teacher, True, images)
    for kernel, bias in student.weights.values():
        kernel.assign(kernel * 0)
        bias.assign(bias * 0 - 1)
    with pytest.raises(TrainingError, match="no filter of relu1_1 fires any more; try a smaller learning_rate"):
        student.fit_embeddings([(images, activations(images, teacher, STAGES))])


def test_the_state_is_all_that_decides(teacher: Any, images: np.ndarray) -> None:
    """A student that was never begun gives the same arrays from the state of another."""
    student = begun(teacher, True, images)
    student.fit_embeddings([(images, activations(images, teacher, STAGES))])
    other = Student(teacher, 0.5, True, 1e-3)
    for variable, value in zip(other.state, student.state, strict=True):
        variable.assign(value)
    wanted = student.arrays()
    for name, array in other.arrays().items():
        np.testing.assert_array_equal(array, wanted[name])


def test_steps_that_weigh_gram_matrices_bring_them_nearer(teacher: Any, images: np.ndarray) -> None:
    """Nearer than steps do that look at the features alone, which least squares have fitted as well as it can be."""
    wanted = activations(images, teacher, STAGES)
    found = {}
    for weight in (0.0, 4.0):
        student = begun(teacher, True, images, 1e-4)
        student.fit_embeddings([(images, wanted)])
        for _ in range(40):
            student.step(images, wanted, weight)
        pairs = student._embedded(images, wanted)[:STYLE_STAGES]
        grams = [(gram(own).numpy(), gram(target).numpy()) for own, target in pairs]
        found[weight] = [float(np.square(own - target).sum() / np.square(target).sum()) for own, target in grams]
    assert np.prod(found[4.0]) < 0.7 * np.prod(found[0.0]), found
