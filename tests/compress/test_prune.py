"""Pruning schedules, and what they leave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from export_pipeline import models
from export_pipeline.compress import Compressed, FineTune, Tools, compress
from export_pipeline.compress.prune import masking, schedule, sparsity, wrap
from export_pipeline.recipe import Recipe
from export_pipeline.recipe.compress import CompressTable

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2

PHOTO = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3)).astype(np.float32)


def recipe(**compress: Any) -> Recipe:
    return Recipe.parse({"compress": {"frequency": 1, **compress} if compress else {}})


def network(norm: str = "instance") -> Any:
    return models.small(alpha=0.1, blocks=1, norm=norm)


def pruned_by(fine_tune: FineTune, model: Any, recipe: Recipe, last: str = "prune") -> Compressed:
    """*model* pruned as *recipe* says, and not changed itself."""

    def unused(*_: Any) -> Any:
        pytest.fail("pruning needs it for nothing")

    before = model.get_weights()
    found = compress(model, recipe, Tools(fine_tune, unused, unused, unused, lambda line: None), last=last)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    return found


class Tuner:
    """A training that moves every weight each step, also those that are pruned."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.seen: list[float] = []

    def __call__(self, pruned: Any, recipe: Recipe, part: str, steps: int, rate: float, before_step: Any) -> None:
        optimizer = keras.optimizers.SGD(1e-4)
        for step in range(self.steps):
            before_step(step)
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(pruned(PHOTO, training=True) - PHOTO))
            wrapper = next(layer for layer in pruned.layers if hasattr(layer, "pruning_obj"))
            self.seen.append(float((wrapper.layer.kernel.numpy() == 0).mean()))
            gradients = tape.gradient(loss, pruned.trainable_variables)
            optimizer.apply_gradients(zip(gradients, pruned.trainable_variables, strict=True))


def zeros(size: int, share: float) -> float:
    """The share of zeros that tfmot makes of *size* values."""
    return 1 - max(1, round(size * (1 - share))) / size


def assert_sparse(model: Any, share: float) -> None:
    found = sparsity(model)
    assert len(found) == 8
    for name, value in found.items():
        size = model.get_layer(name).kernel.numpy().size
        assert value == pytest.approx(zeros(size, share), abs=1e-9), name


# How far schedules go


@settings(max_examples=60)
@given(st.integers(0, 20), st.integers(1, 30), st.floats(0, 0.5), st.floats(0.5, 0.95))
def test_polynomial_decay_is_the_formula_of_the_paper(begin: int, length: int, initial: float, final: float) -> None:
    """Zhu and Gupta, equation 1."""
    table = CompressTable(
        schedule="polynomial_decay",
        initial_sparsity=initial,
        final_sparsity=final,
        begin_step=begin,
        end_step=begin + length,
        steps=begin + length,
        frequency=1,
    )
    made = schedule(table, table.final_sparsity)
    for step in range(begin, begin + length + 3):
        active, value = made(step)
        progress = min(1, (step - begin) / length)
        assert float(value) == pytest.approx(final + (initial - final) * (1 - progress) ** 3, abs=1e-5)
        assert bool(active) == (step <= begin + length)


def test_constant_is_constant_and_both_update_only_when_it_is_due() -> None:
    table = CompressTable(schedule="constant", final_sparsity=0.7, begin_step=4, end_step=10, steps=12, frequency=3)
    made = schedule(table, table.final_sparsity)
    assert [step for step in range(20) if bool(made(step)[0])] == [4, 7, 10]
    assert {round(float(made(step)[1]), 6) for step in range(4, 11)} == {0.7}


@pytest.mark.parametrize("norm", models.NORMS)
@pytest.mark.parametrize("kind", ["polynomial_decay", "constant"])
def test_a_schedule_ends_at_the_final_sparsity_in_every_convolution(kind: str, norm: str) -> None:
    model = network(norm)
    tuner = Tuner(steps=8)
    wanted = recipe(schedule=kind, final_sparsity=0.6, end_step=6, frequency=2, steps=8)
    found = pruned_by(tuner, model, wanted)
    assert_sparse(found.model, 0.6)
    assert found.steps == 8
    size = model.get_layer("down0_conv").kernel.numpy().size
    # tfmot calls the first step 1: masks are updated in steps 2, 4 and 6.
    updated = [0.6] * 3 if kind == "constant" else [0.6 * (1 - (1 - step / 6) ** 3) for step in (2, 4, 6)]
    by_step = [0.0, *(zeros(size, share) for share in updated for _ in range(2)), zeros(size, 0.6)]
    assert tuner.seen == pytest.approx(by_step, abs=1e-6)


@pytest.mark.parametrize(
    ("end_step", "frequency", "steps"),
    [
        (6, 2, 6),  # training ends with the last update
        (7, 3, 9),  # no update falls on the end
        (6, 100, 7),  # the only update is the first
    ],
)
def test_the_final_sparsity_is_reached_wherever_the_last_update_falls(
    end_step: int, frequency: int, steps: int
) -> None:
    model = network()
    table = {"schedule": "polynomial_decay", "end_step": end_step, "frequency": frequency, "steps": steps}
    assert_sparse(pruned_by(Tuner(steps), model, recipe(final_sparsity=0.5, **table)).model, 0.5)


def test_what_is_kept_is_what_was_largest() -> None:
    model = network()
    before = {layer.name: layer.kernel.numpy() for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}
    wanted = recipe(schedule="constant", final_sparsity=0.75, end_step=1, steps=1)
    found = pruned_by(lambda *_, **__: None, model, wanted).model
    for name, old in before.items():
        new = found.get_layer(name).kernel.numpy()
        kept = new != 0
        np.testing.assert_array_equal(new[kept], old[kept])
        assert np.abs(old[kept]).min() >= np.abs(old[~kept]).max()


def test_pruning_gives_the_same_each_time() -> None:
    def run() -> list[np.ndarray]:
        keras.utils.set_random_seed(1)
        found = pruned_by(Tuner(3), network(), recipe(schedule="constant", end_step=2, steps=3))
        weights: list[np.ndarray] = found.model.get_weights()
        return weights

    for one, other in zip(run(), run(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_sparsity_that_leaves_one_value() -> None:
    wanted = recipe(schedule="constant", final_sparsity=0.9999, end_step=1, steps=1)
    model = pruned_by(Tuner(1), network(), wanted).model
    assert all(np.count_nonzero(model.get_layer(name).kernel) == 1 for name in sparsity(model))


def test_no_schedule_leaves_the_network_alone() -> None:
    model = network()
    found = pruned_by(lambda *_, **__: pytest.fail("nothing to train"), model, recipe())
    assert found.model is model
    assert found.steps == 0
    assert set(sparsity(model).values()) == {0.0}


def test_norms_are_never_pruned() -> None:
    wanted = recipe(schedule="constant", final_sparsity=0.9, end_step=1, steps=1)
    model = pruned_by(Tuner(1), network(), wanted).model
    for layer in model.layers:
        if layer.name.endswith("_norm"):
            assert all(np.count_nonzero(weight) == weight.size for weight in layer.get_weights()[:1])


def test_the_wrapped_network_computes_the_same_and_shares_the_weights() -> None:
    model = network()
    pruned = wrap(model, recipe(schedule="constant", end_step=1, steps=1).compress)
    np.testing.assert_array_equal(pruned(PHOTO, training=False), model(PHOTO, training=False))
    kernel = model.get_layer("down1_conv").kernel
    kernel.assign(kernel * 2)
    np.testing.assert_array_equal(pruned(PHOTO, training=False), model(PHOTO, training=False))
    masking(pruned)(4)
    steps = [layer.pruning_step.numpy() for layer in pruned.layers if hasattr(layer, "pruning_step")]
    assert steps == [5] * 8


def test_masks_change_between_steps_and_not_with_a_call() -> None:
    """A step may call the network more than once, as where it has its batch in shares."""
    model = network()
    pruned = wrap(model, recipe(schedule="constant", final_sparsity=0.5, end_step=4, frequency=1, steps=4).compress)
    pruned(PHOTO, training=True)
    assert set(sparsity(model).values()) == {0.0}
    masking(pruned)(0)
    before = sparsity(model)
    assert before["down1_conv"] == pytest.approx(0.5, abs=0.01)
    pruned(PHOTO, training=True)
    pruned(PHOTO, training=True)
    assert sparsity(model) == before
    assert {int(layer.pruning_step) for layer in pruned.layers if hasattr(layer, "pruning_step")} == {1}


def test_sparsity_counts_zeros() -> None:
    model = network()
    kernel = model.get_layer("out_conv").kernel
    values = kernel.numpy()
    values[:3] = 0
    kernel.assign(values)
    found = sparsity(model)
    assert found["out_conv"] == pytest.approx(3 / 9)
    assert found["down0_conv"] == 0


def test_pruned_zeros_survive_folding() -> None:
    wanted = recipe(schedule="constant", final_sparsity=0.5, end_step=1, steps=2)
    found = pruned_by(Tuner(2), network(), wanted, last="fold")
    assert sparsity(found.deployed) == sparsity(found.model)
    assert_sparse(found.model, 0.5)
