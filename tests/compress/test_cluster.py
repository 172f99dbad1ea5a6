"""Clustering: tables of as many values as the bits allow, zeros kept, and tables that are trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from export_pipeline.compress import STEPS, BitPlan, Compressed, compress, estimate_importance
from export_pipeline.compress.cluster import clustered as clustered_by
from export_pipeline.compress.importance import input_powers
from export_pipeline.compress.kernels import clustered, clustered_kernels, representable, set_kernels
from export_pipeline.compress.trained_tables import TableConv2D, with_tables, without_tables
from tests.compress.material import NETWORKS, PHOTOS, kernels, moved, network, recipe, tools, train

FLOATS = st.floats(-100, 100, width=32)
KERNELS = arrays.arrays(np.float32, arrays.array_shapes(min_dims=1, max_dims=4, max_side=6), elements=FLOATS)


def clustered_network(bits: dict[str, int]) -> Any:
    """A network whose kernels named in *bits* are clustered."""
    model = network()
    set_kernels(model, clustered_kernels(model, bits, {}))
    return model


def held_by_files(values: np.ndarray) -> bool:
    return np.array_equal(values.astype(np.float16).astype(np.float32), values)


# Values that files hold


@given(arrays.arrays(np.float32, 20, elements=st.floats(width=32, allow_nan=False)), st.integers(-12, 4))
def test_representable_values_are_16_bit_floats_before_and_after_folding(values: np.ndarray, power: int) -> None:
    scale = 2.0**power
    found = representable(values, scale)
    assert held_by_files(found)
    assert held_by_files(found * np.float32(scale))
    assert not np.signbit(found[found == 0]).any()
    np.testing.assert_array_equal(representable(found, scale), found)
    inside = np.abs(values) < 65504 / max(1, scale)
    assert np.all(
        np.abs(found - values)[inside] <= np.maximum(np.abs(values[inside]) * 2**-10, 2.0**-24 / min(1, scale))
    )


@settings(max_examples=60)
@given(KERNELS, st.integers(1, 8), st.integers(0, 4), st.sampled_from([1.0, 1 / 128]))
def test_a_clustered_kernel_has_no_more_values_than_its_table_and_its_zeros(
    kernel: np.ndarray, bits: int, every: int, scale: float
) -> None:
    if every:
        kernel.ravel()[::every] = 0
    found = clustered(kernel, bits, scale=scale)
    assert found.shape == kernel.shape
    assert found.dtype == np.float32
    assert len(np.unique(found)) <= 2**bits
    assert not found[kernel == 0].any()
    assert held_by_files(found)
    assert held_by_files(found * np.float32(scale))


@pytest.mark.parametrize(
    ("name", "norm", "bits"), [(*NETWORKS[index], bits) for index, bits in enumerate((1, 8, 4, 5))]
)
def test_every_network_is_clustered_alone(name: str, norm: str, bits: int) -> None:
    model = network(name, norm)
    before = kernels(model)
    found = compress(model, recipe(bits=bits, skip=["up0_conv"]), tools())
    after = kernels(found.deployed)
    assert all(np.array_equal(kernel, before[layer]) for layer, kernel in kernels(model).items())
    assert [layer.name for layer in found.layers] == list(before)
    for layer in found.layers:
        kernel = after[layer.name]
        assert layer.shape == kernel.shape
        if layer.name == "up0_conv":
            np.testing.assert_array_equal(kernel, before[layer.name])
            assert (layer.bits, layer.relative_error) == (None, None)
            continue
        assert len(np.unique(kernel)) == layer.values <= 2**bits
        assert held_by_files(kernel), layer.name
        assert layer.relative_error is not None
        assert layer.relative_error < {1: 0.7, 4: 0.12, 5: 0.07, 8: 0.01}[bits]


@pytest.mark.parametrize(("name", "norm"), NETWORKS)
def test_pruned_zeros_are_in_the_table_and_survive_its_training(name: str, norm: str) -> None:
    pruning = {"schedule": "constant", "frequency": 1, "end_step": 1, "steps": 2, "learning_rate": 1e-4}
    wanted = recipe(**pruning, bits=2, cluster={"steps": 3, "learning_rate": 1e-2, "sensitivity": "activation"})
    model = network(name, norm)
    pruned = compress(model, wanted, tools(), last="prune").model
    zeros, norms = kernels(pruned), pruned.get_layer("block0_a_norm").get_weights()
    counts = estimate_importance(pruned, wanted, tools())
    untrained = {layer: clustered(kernel, 2, counts[layer]) for layer, kernel in zeros.items()}
    found = compress(model, wanted, tools())
    for layer, kernel in kernels(found.deployed).items():
        assert not kernel[zeros[layer] == 0].any()
        assert len(np.unique(kernel)) <= 4
        assert held_by_files(kernel)
        assert not np.isin(kernel[kernel != 0], untrained[layer]).all(), layer
    assert not np.array_equal(norms[0], found.model.get_layer("block0_a_norm").get_weights()[0])
    assert found.steps == 2 + 3


# Trained quantization


def test_the_gradient_of_a_value_is_the_sum_of_the_gradients_of_its_weights() -> None:
    """Han et al., 2016, equation 3."""
    model = clustered_network(dict.fromkeys(kernels(network()), 2))
    tabled = with_tables(model, tuple(kernels(model)))
    np.testing.assert_array_equal(tabled(PHOTOS.astype(np.float32)), model(PHOTOS.astype(np.float32)))
    layer, plain = tabled.get_layer("down1_conv"), model.get_layer("down1_conv")
    with tf.GradientTape() as tape:
        loss = moved(tabled)
    of_table = tape.gradient(loss, layer.table).numpy()
    with tf.GradientTape() as tape:
        loss = moved(model)
    of_weights = tape.gradient(loss, plain.kernel).numpy()
    table = layer.table.numpy()
    assert len(table) == 4
    for value, gradient in zip(table, of_table, strict=True):
        assert gradient == pytest.approx(of_weights[plain.kernel.numpy() == value].sum(), rel=1e-3)


def test_training_moves_tables_and_norms_and_nothing_else() -> None:
    model = clustered_network({"down1_conv": 3})
    before, indices = kernels(model), np.unique(kernels(model)["down1_conv"], return_inverse=True)[1]
    tabled = with_tables(model, ("down1_conv",))
    assert isinstance(tabled.get_layer("down1_conv"), TableConv2D)
    names = {variable.name for variable in tabled.trainable_variables}
    assert "down1_conv/table:0" in names
    assert "down2_conv/kernel:0" in names  # not clustered, so trained as ever
    train(tabled, recipe(), "cluster", 2, 1e-2)
    after = kernels(without_tables(tabled, model))["down1_conv"]
    assert not np.array_equal(after, before["down1_conv"])
    np.testing.assert_array_equal(np.unique(after, return_inverse=True)[1], indices)


def test_bits_by_layer() -> None:
    model = network()
    plan = BitPlan({"down0_conv": 1, "out_conv": 5})
    record = clustered_by(Compressed(model, recipe(bits=8)), plan, {}, tools())
    assert {layer.name: layer.bits for layer in record.layers if layer.bits} == plan.bits
    assert [layer.values for layer in record.layers if layer.bits] == [2, 32]


# What a squared error counts


def test_the_power_of_inputs_is_what_the_layers_take() -> None:
    model = network()
    first, last = input_powers(model, ["down0_conv", "out_conv"], [PHOTOS])
    scaled = PHOTOS.astype(np.float64) / 128
    expected = np.square(scaled).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(first, np.broadcast_to(expected[:, None], first.shape), rtol=1e-5)
    assert last.shape == model.get_layer("out_conv").kernel.shape


@pytest.mark.parametrize("kind", ["fisher", "activation"])
def test_importance_has_mean_one_and_changes_the_tables(kind: Any) -> None:
    model = network()
    found = estimate_importance(model, recipe(bits=3, skip=["block*"], cluster={"sensitivity": kind}), tools())
    assert set(found) == {name for name in kernels(model) if not name.startswith("block")}
    for name, values in found.items():
        kernel = kernels(model)[name]
        assert values.shape == kernel.shape
        assert values.mean() == pytest.approx(1, abs=0.01)
        assert values.min() >= 0.0099
        weighted, plain = (clustered(kernel, 3, weights) for weights in (values, None))
        errors = [float((values * np.square(one - kernel)).sum()) for one in (weighted, plain)]
        assert errors[0] < errors[1]
    assert estimate_importance(model, recipe(bits=3), tools()) == {}


def test_the_steps_are_listed_with_reasons() -> None:
    assert [step.name for step in STEPS] == ["structured", "prune", "cluster", "quantize", "fold"]
    assert all(len(step.reason) > 20 for step in STEPS)
