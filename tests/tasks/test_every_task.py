"""What the stages count on, whatever the task: one that is listed in ``TASKS`` is tested by that."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.recipe import CLASSES, Recipe
from export_pipeline.records.signature import Port
from export_pipeline.tasks import TASKS, Task, open_task
from export_pipeline.train import network
from tests import strangers

SIZE = {"height": 48, "width": 64}
PAINTED = ("style_transfer", "arbitrary_style")
TRAINED = [name for name in TASKS if name != "parity"]


@pytest.fixture(scope="module", params=TASKS)
def task(request: pytest.FixtureRequest, vgg_file: Path) -> Task:
    """The task with its built-in material, or a network of the test's own."""
    if request.param not in TRAINED:
        tables = {"model": {"file": str(strangers.keras2("unet", ".h5")), "pixels": [0, 255]}, "verify": {"images": 2}}
        export = {**SIZE, "calibration_images": 2, "targets": ["onnx-fp32"]}
        return open_task(Recipe.parse({"task": request.param, **tables, "export": export}))
    train = {"crop": 32, "hold_out": 2, "batch_size": 2}
    if request.param in PAINTED:
        train |= {"vgg_weights": str(vgg_file), "style_size": 64}
    if request.param == "arbitrary_style":
        train |= {"style_variants": 3}
    tables = {"model": {"alpha": 0.125}, "train": train, "verify": {"images": 2}}
    return open_task(Recipe.parse({"task": request.param, **tables, "export": {**SIZE, "calibration_images": 2}}))


only_trained = pytest.mark.parametrize("task", TRAINED, indirect=True)


def network_of(task: Task) -> Any:
    given = task.given()
    return given.model if given else network(task.recipe, **SIZE)


def check_fits(values: Mapping[str, np.ndarray], ports: tuple[Port, ...]) -> None:
    assert list(values) == [port.name for port in ports]
    for port in ports:
        value = values[port.name]
        assert (1, *value.shape) == port.shape
        assert np.isfinite(value).all()
        assert port.low is None or value.min() >= port.low
        assert port.high is None or value.max() <= port.high


def test_a_task_is_one_of_recipes_and_has_their_metrics(task: Task) -> None:
    assert list(TASKS) == list(CLASSES)
    assert task.name == task.recipe.task
    assert task.title
    assert task.metrics == task.recipe.metrics
    names = [metric.name for metric in task.metrics]
    assert len(set(names)) == len(names) > 0
    assert any(metric.ranks for metric in task.metrics)
    assert any(metric.without for metric in task.metrics)
    assert not any(" " in metric.title for metric in task.metrics)  # they are names of files, too


def test_the_network_of_the_recipe_takes_and_gives_what_the_signature_says(task: Task) -> None:
    model = network_of(task)
    for side, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
        ports = getattr(task.signature, side)
        assert [tuple(tensor.shape)[1:] for tensor in tensors] == [port.shape[1:] for port in ports]
    check_fits(task.infer(model, task.validation()[0].inputs), task.signature.outputs)


def test_samples_fit_the_signature(task: Task) -> None:
    assert len(task.validation()) == 2
    for sample in (*task.validation(), *task.shown()):
        check_fits(sample.inputs, task.signature.inputs)
    for inputs in task.calibration():
        check_fits(inputs, task.signature.inputs)
    images, *rest = task.examples(2)
    assert images.shape[::3] == (2, 3)
    assert [array.shape for array in rest] == [(2, *port.shape[1:]) for port in task.signature.inputs[1:]]


def test_nothing_is_trained_on_that_is_verified_on(task: Task) -> None:
    shown = [port.name for port in task.signature.pictures]  # a strength of 1 may well be the same
    trained = {inputs[name].tobytes() for inputs in task.calibration() for name in shown}
    assert trained
    assert not trained & {sample.inputs[name].tobytes() for sample in task.validation() for name in shown}


@only_trained
def test_batch_number_i_depends_on_the_recipe_and_i_alone(task: Task) -> None:
    whole = list(task.batches(0, 4).as_numpy_iterator())
    later = list(task.batches(2, 4).as_numpy_iterator())
    assert [len(whole), len(later)] == [4, 2]
    for one, other in zip(whole[2:], later, strict=True):
        assert list(one) == list(other)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    first, second = (next(iter(batch.values())) for batch in whole[:2])
    assert not np.array_equal(first, second)
    other_seed = task.with_recipe(task.recipe.model_copy(update={"seed": task.recipe.seed + 1}))
    third = next(iter(next(other_seed.batches(0, 1).as_numpy_iterator()).values()))
    assert not np.array_equal(first, third)


@only_trained
def test_the_objective_gives_each_term_for_each_sample_and_a_slope(task: Task) -> None:
    import tensorflow as tf

    model, objective = network(task.recipe), task.objective()
    assert objective.terms[0] == "total"
    assert all(name.endswith("_sha256") and len(value) == 64 for name, value in objective.fingerprint.items())
    (batch,) = task.batches(0, 1)
    with tf.GradientTape() as tape:
        losses = objective(batch, task.caller(model, training=True)(batch))
        total = tf.reduce_sum(losses["total"])
    assert set(losses) == set(objective.terms)
    for loss in losses.values():
        assert loss.shape == (2,)
        assert np.isfinite(loss).all()
    slopes = tape.gradient(total, model.trainable_variables)
    assert all(np.isfinite(slope).all() for slope in slopes)
    assert any(np.abs(slope).max() > 0 for slope in slopes)


def test_every_metric_is_measured_of_outputs_and_of_no_network(task: Task) -> None:
    evaluator = task.evaluator()
    assert not isinstance(evaluator, str)
    sample, model = task.validation()[0], network_of(task)
    measure = evaluator.of(sample)
    for values in (measure.measure(task.infer(model, sample.inputs)), measure.baseline()):
        assert set(values) == {metric.name for metric in task.metrics}
        assert all(map(math.isfinite, values.values()))


def test_inputs_and_outputs_can_be_shown(task: Task) -> None:
    sample = task.shown()[0]
    outputs = task.infer(network_of(task), sample.inputs)
    for values in (sample.inputs, *([outputs] if task.name in TRAINED else [])):
        shown = task.picture(values)
        assert shown is not None
        assert (shown.dtype, shown.shape) == (np.uint8, (48, 64, 3))


def test_sources_can_be_hashed_and_are_the_same_each_time(task: Task) -> None:
    for sources in (task.training_sources, task.validation_sources):
        assert sources()
        assert json.dumps(sources(), sort_keys=True) == json.dumps(sources(), sort_keys=True)


def test_phases_have_names_and_recipes_of_their_own(task: Task) -> None:
    phases = task.phases()
    assert phases[0].part == "train"
    assert len({phase.part for phase in phases}) == len(phases)
    for one, other in itertools.pairwise(phases):
        assert one.recipe.model == other.recipe.model


def test_the_same_material_serves_another_recipe(task: Task) -> None:
    smaller = task.recipe.export.model_copy(update={"height": 32, "width": 32})
    other = task.with_recipe(task.recipe.model_copy(update={"export": smaller}))
    assert other.signature.size == (32, 32)
    assert task.signature.size == (48, 64)
    check_fits(other.validation()[0].inputs, other.signature.inputs)
