"""The layers against NumPy, and what converters make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_pipeline import models
from export_pipeline.models.layers import (
    EPSILON,
    DepthToSpace,
    EdgePadding,
    First,
    InstanceNormalization,
    MatchSize,
    Rescaling,
    ScaleSize,
    SpaceToDepth,
)

import tensorflow as tf  # isort: skip
import tf_keras as keras  # isort: skip - after models, which chooses Keras 2

SIDE = st.integers(1, 12)


@settings(deadline=None, max_examples=40)
@given(SIDE, SIDE, st.integers(1, 3), st.integers(1, 5), st.sampled_from([EPSILON, 1e-3]), st.integers(0, 2**31))
def test_instance_normalization_is_what_the_paper_says(
    height: int, width: int, batch: int, channels: int, epsilon: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    x = random.normal(3, 2, (batch, height, width, channels))
    gamma, beta = random.normal(1, 0.5, channels), random.normal(0, 0.5, channels)
    layer = InstanceNormalization(epsilon=epsilon)
    layer.build(x.shape)
    layer.set_weights([gamma, beta])
    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    wanted = gamma * (x - mean) / np.sqrt(variance + epsilon) + beta
    # A single pixel has variance zero: what is left of the float32 mean is divided by the root of epsilon.
    np.testing.assert_allclose(layer(x.astype(np.float32)), wanted, atol=2e-3 if height * width == 1 else 2e-4)


@pytest.mark.parametrize("shape", [(2, 7, 9, 5), (1, 1, 4, 2), (3, 16, 16, 1)])
def test_training_computes_the_same_norm_with_the_same_gradients(shape: tuple[int, ...]) -> None:
    """The gradients of its own against those that TensorFlow makes of its parts."""
    random = np.random.default_rng(0)
    layer = InstanceNormalization()
    layer.build(shape)
    layer.set_weights([random.normal(1, 0.5, shape[-1]), random.normal(0, 0.5, shape[-1])])
    x, weights = tf.Variable(random.normal(3, 2, shape), dtype=tf.float32), random.normal(size=shape)
    found = []
    for training in (True, False):
        with tf.GradientTape() as tape:
            output = layer(x, training=training)
            total = tf.reduce_sum(output * weights)
        found.append([output, *tape.gradient(total, [x, layer.gamma, layer.beta])])
    for own, wanted in zip(*found, strict=True):
        np.testing.assert_allclose(own, wanted, rtol=1e-3, atol=1e-4 * float(np.abs(wanted).max()))


def test_a_mean_of_many_deviations_costs_little_in_training() -> None:
    """The variance is that of the squares less the square of the mean."""
    layer = InstanceNormalization()
    x = np.random.default_rng(0).normal(30, 1, (1, 256, 256, 3)).astype(np.float32)
    wanted = (x - x.mean((1, 2), dtype=np.float64)) / x.std((1, 2), dtype=np.float64)
    np.testing.assert_allclose(layer(x, training=True), wanted, atol=0.02)
    np.testing.assert_allclose(layer(x, training=False), wanted, atol=1e-3)


@pytest.mark.parametrize("training", [False, True])
def test_instance_normalization_of_a_flat_image_is_beta(training: bool) -> None:
    layer = InstanceNormalization()
    output = layer(np.full((1, 8, 8, 2), 7, np.float32), training=training).numpy()
    np.testing.assert_allclose(output, 0, atol=1e-3 if training else 0)


@pytest.mark.parametrize("epsilon", [0, -1e-5, float("nan")])
def test_an_epsilon_that_is_not_above_zero_is_refused(epsilon: float) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        InstanceNormalization(epsilon=epsilon)


@pytest.mark.parametrize("rho", [0, -1, 1.5, float("nan")])
def test_a_rho_out_of_range_is_refused(rho: float) -> None:
    with pytest.raises(ValueError, match="at most 1"):
        ScaleSize(rho)


@pytest.mark.parametrize(
    "layer", [InstanceNormalization(epsilon=1e-3), Rescaling(0.25, -3), ScaleSize(0.7), MatchSize(resize=True)]
)
def test_a_layer_comes_back_from_its_config(layer: Any) -> None:
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    own = {key for key in vars(layer) if key in ("epsilon", "scale", "offset", "rho", "resize")}
    assert own
    assert own <= set(layer.get_config())


def test_rescaling() -> None:
    x = np.array([[-1.0, 0.0, 255.0]], np.float32)
    np.testing.assert_array_equal(Rescaling(0.5, 2)(x), x * 0.5 + 2)
    np.testing.assert_array_equal(Rescaling(1 / 128)(x), x / 128)


@pytest.mark.parametrize("rho", [0.15, 0.3, 0.5, 0.7, 1 / 3])
def test_a_size_is_rounded_alike_whether_it_is_known_or_not(rho: float) -> None:
    """Else a network for any size and its export would compute on images of different sizes."""
    free = keras.Sequential([keras.Input((None, None, 1)), ScaleSize(rho)])
    for side in (1, 2, 45, 85, 95, 165, 175, 190, 195, 256):
        fixed = ScaleSize(rho).compute_output_shape((1, side, 16, 1))
        assert free(np.zeros((1, side, 16, 1), np.float32)).shape == tuple(fixed)


def bilinear(x: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """*x* ``(N, H, W, C)`` at the size *sides*: linear between the centres of pixels, one axis after the other."""
    for axis, side in enumerate(sides, 1):
        most = x.shape[axis] - 1
        place = np.clip((np.arange(side) + 0.5) * x.shape[axis] / side - 0.5, 0, most)
        lower = np.floor(place).astype(int)
        share = (place - lower).reshape([-1 if other == axis else 1 for other in range(4)])
        x = np.take(x, lower, axis) * (1 - share) + np.take(x, np.minimum(lower + 1, most), axis) * share
    return x


@settings(deadline=None, max_examples=40)
@given(SIDE, SIDE, st.integers(1, 3), st.integers(2, 4), st.booleans())
def test_depth_to_space_undoes_space_to_depth(height: int, width: int, channels: int, block: int, known: bool) -> None:
    x = np.arange(height * width * channels, dtype=np.float32).reshape(1, height, width, channels)
    signature = tf.TensorSpec(x.shape if known else (None, None, None, channels))
    squares = tf.function(SpaceToDepth(block), input_signature=[signature])(x)
    assert squares.shape[1:] == (-(-height // block), -(-width // block), block * block * channels)
    again = DepthToSpace(block)(squares).numpy()
    np.testing.assert_array_equal(again[:, :height, :width], x)
    assert not again[:, height:].any()
    assert not again[:, :, width:].any()


@pytest.mark.parametrize("layer", [SpaceToDepth, DepthToSpace])
@pytest.mark.parametrize("block", [1, 0, -2])
def test_a_block_of_less_than_two_pixels_is_refused(layer: Any, block: int) -> None:
    with pytest.raises(ValueError, match=f"block is {block}; it must be 2 or more"):
        layer(block)


@pytest.mark.parametrize("margin", [1, 3])
def test_edge_padding_repeats_the_edges(margin: int) -> None:
    x = np.random.default_rng(4).normal(size=(2, 3, 5, 2)).astype(np.float32)
    sides = (margin, margin)
    np.testing.assert_array_equal(EdgePadding(margin)(x), np.pad(x, ((0, 0), sides, sides, (0, 0)), mode="edge"))
    with pytest.raises(ValueError, match="margin is 0; it must be 1 or more"):
        EdgePadding(0)


@pytest.mark.parametrize("sides", [(4, 4), (6, 4), (4, 7), (13, 9)])
def test_match_size_crops_or_resizes(sides: tuple[int, int]) -> None:
    x = np.random.default_rng(2).uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)
    like = np.zeros((2, *sides, 3), np.float32)
    np.testing.assert_array_equal(MatchSize()([x, like]), x[:, : sides[0], : sides[1]])
    np.testing.assert_allclose(MatchSize(resize=True)([x, like]), bilinear(x, sides), atol=1e-3)


def test_first_is_match_size_where_nothing_is_to_be_matched() -> None:
    x, like = np.random.default_rng(2).uniform(0, 255, (2, 2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(First()([x, like]), MatchSize()([x, like]))


@pytest.mark.parametrize(("rho", "sides"), [(0.5, (5, 4)), (0.7, (7, 6)), (1.0, (10, 8))])
def test_scale_size_resizes(rho: float, sides: tuple[int, int]) -> None:
    x = np.random.default_rng(3).uniform(0, 255, (2, 10, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(ScaleSize(rho)(x), bilinear(x, sides), atol=1e-3)


# What coremltools makes of them


@pytest.fixture(autouse=True)
def _no_progress_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture(scope="module")
def network() -> Any:
    model = models.small(alpha=1 / 16, blocks=1, height=16, width=16)
    # Trained values: coremltools removes a gamma of one and a beta of zero before it looks for norms.
    random = np.random.default_rng(3)
    model.set_weights([random.normal(0.5, 1, weight.shape) for weight in model.weights])
    return model


def converted(model: Any, kind: str) -> Any:
    """The Core ML specification of *model* for one image, in one of the two formats."""
    import coremltools
    import tensorflow as tf

    shape = (1, *model.input_shape[1:])
    function = tf.function(lambda image: model(image, training=False), input_signature=[tf.TensorSpec(shape)])
    target = coremltools.target.iOS16 if kind == "mlprogram" else coremltools.target.iOS14
    return coremltools.convert(
        [function.get_concrete_function()],
        source="tensorflow",
        convert_to=kind,
        inputs=[coremltools.TensorType(shape=shape)],
        minimum_deployment_target=target,
        skip_model_load=True,
    ).get_spec()


def norms(model: Any) -> int:
    return sum(isinstance(layer, InstanceNormalization) for layer in model.layers)


def test_each_instance_norm_becomes_one_operation_of_an_ml_program(network: Any) -> None:
    block = converted(network, "mlprogram").mlProgram.functions["main"].block_specializations
    found = [operation.type for operation in next(iter(block.values())).operations]
    assert found.count("instance_norm") == norms(network) == 8
    # Nothing of the formula is left over, and a multiple of four needs no crop.
    assert not {"reduce_mean", "reduce_sum", "rsqrt", "square", "sub", "real_div", "slice_by_index"} & set(found)


def test_each_instance_norm_becomes_one_layer_of_a_neural_network(network: Any) -> None:
    layers = converted(network, "neuralnetwork").neuralNetwork.layers
    fused = [layer for layer in layers if layer.WhichOneof("layer") == "batchnorm"]
    assert len(fused) == norms(network) == 8
    assert all(layer.batchnorm.computeMeanVar and layer.batchnorm.instanceNormalization for layer in fused)
    assert not [layer for layer in layers if "reduce" in layer.WhichOneof("layer")]
