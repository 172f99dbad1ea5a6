"""Groups of channels: what goes together, what must stay, and that what does nothing can go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_pipeline import models
from export_pipeline.compress.channels import Group, channel_groups, kept_weights
from export_pipeline.compress.narrow import narrowed, without_block
from export_pipeline.compress.prune import wrap
from export_pipeline.recipe import StyleModelTable
from export_pipeline.recipe.compress import CompressTable
from tests.export import material
from tests.networks import networks_of

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2

PHOTO = np.random.default_rng(0).uniform(0, 255, (2, 22, 17, 3)).astype(np.float32)
EVERY = pytest.mark.parametrize(
    ("network", "norm"), [(network, norm) for network in networks_of("style_transfer") for norm in models.NORMS]
)
# By network: the convolutions before the residual blocks, the one whose output is added to theirs, those after.
RESIZING = (("down0_conv", "down1_conv"), "down2_conv", ("up0_conv", "up1_conv"))
ENDS = {"johnson": RESIZING, "small": RESIZING, "subpixel": ((), "down_conv", ())}


def filled(table: StyleModelTable) -> Any:
    """The network of *table* with weights that no initializer gives, and activations of order one."""
    return material.filled(**table.model_dump())


def silence(model: Any, group: Group, channels: Any) -> None:
    """Make *channels* of *group* zero wherever they are made."""
    for name in (*group.makers, *group.norms):
        for weight in model.get_layer(name).weights:
            if "moving" not in weight.name:
                values = weight.numpy()
                values[..., channels] = 0
                weight.assign(values)


def two_convolutions(between: Callable[[Any], Any], **arguments: Any) -> Any:
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, padding="same", name="a", **arguments)(image)
    return keras.Model(image, keras.layers.Conv2D(3, 3, name="b")(between(x)))


def named(model: Any) -> list[str]:
    return [group.name for group in channel_groups(model)]


@EVERY
def test_convolutions_that_are_added_are_one_group(network: str, norm: str) -> None:
    groups = channel_groups(filled(StyleModelTable(network=network, alpha=0.1, blocks=2, norm=norm, rho=0.5)))
    first, joined, after = ENDS[network]
    context = ("context_conv",) if network == "subpixel" else ()
    added = (joined, "block0_b_conv", *context, "block1_b_conv")
    assert [group.makers for group in groups] == [
        *((name,) for name in first),
        added,
        ("block0_a_conv",),
        ("block1_a_conv",),
        *((name,) for name in after),
    ]
    assert groups[len(first)].takers == ("block0_a_conv", *context, "block1_a_conv", (*after, "out_conv")[0])
    for group in groups:
        makers = [name for name in group.makers if name not in context]
        assert group.norms == tuple(name.replace("conv", "norm") for name in makers)


@EVERY
@settings(max_examples=2)
@given(data=st.data())
def test_channels_that_are_zero_can_go_and_nothing_changes(network: str, norm: str, data: st.DataObject) -> None:
    table = StyleModelTable(network=network, alpha=0.13, blocks=data.draw(st.integers(0, 1)), norm=norm)
    model = filled(table)
    keep = {}
    for group in channel_groups(model):
        kept = data.draw(st.sets(st.integers(0, group.size - 1), min_size=1))
        keep[group.name] = np.array(sorted(kept))
        silence(model, group, sorted(set(range(group.size)) - kept))
    smaller, its_table = narrowed(model, table, keep)
    assert [group.size for group in channel_groups(smaller)] == [len(kept) for kept in keep.values()]
    # Sums over fewer terms round differently; the outputs are 0..255.
    np.testing.assert_allclose(smaller(PHOTO, training=False), model(PHOTO, training=False), rtol=0, atol=2e-3)
    rebuilt = models.NETWORKS[network](**its_table.model_dump(exclude={"network"}))
    assert rebuilt.to_json() == smaller.to_json()
    assert StyleModelTable.model_validate_json(its_table.model_dump_json()) == its_table


@EVERY
def test_a_block_that_adds_nothing_can_go_and_nothing_changes(network: str, norm: str) -> None:
    table = StyleModelTable(
        network=network, alpha=0.13, norm=norm, blocks=3, widths={"block0_a_conv": 2, "block2_a_conv": 3}
    )
    model = filled(table)
    last = model.get_layer("block1_b_norm")
    for weight in (last.gamma, last.beta):
        weight.assign(weight * 0)
    smaller, its_table = without_block(model, table, 1)
    assert (its_table.blocks, its_table.widths) == (2, {"block0_a_conv": 2, "block1_a_conv": 3})
    np.testing.assert_array_equal(smaller(PHOTO, training=False), model(PHOTO, training=False))
    np.testing.assert_array_equal(smaller.get_layer("block1_b_conv").kernel, model.get_layer("block2_b_conv").kernel)


def test_keeping_all_keeps_the_weights_as_they_are() -> None:
    model = filled(StyleModelTable(alpha=0.1))
    groups = channel_groups(model)
    kept = kept_weights(model, groups, {group.name: np.arange(group.size) for group in groups})
    flat = [array for arrays in kept.values() for array in arrays]
    for one, other in zip(flat, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_kernels_lose_inputs_and_outputs_and_biases_outputs() -> None:
    model = two_convolutions(keras.layers.BatchNormalization(name="norm"))
    (group,) = channel_groups(model)
    kept = kept_weights(model, (group,), {"a": np.array([1, 5])})
    assert [array.shape for array in kept["a"]] == [(3, 3, 3, 2), (2,)]
    assert [array.shape for array in kept["norm"]] == [(2,)] * 4
    assert [array.shape for array in kept["b"]] == [(3, 3, 2, 3), (3,)]
    np.testing.assert_array_equal(kept["b"][0], model.get_layer("b").kernel.numpy()[:, :, [1, 5]])


@pytest.mark.parametrize(
    "between",
    [
        keras.layers.Activation("relu"),
        keras.layers.LeakyReLU(),
        keras.layers.UpSampling2D(2),
        keras.layers.AveragePooling2D(2),
        lambda x: keras.layers.Add()([x, x]),
        lambda x: keras.layers.Multiply()([x, keras.layers.Activation("sigmoid")(x)]),
    ],
)
def test_layers_that_keep_channels_apart_pass_them_on(between: Any) -> None:
    assert named(two_convolutions(between)) == ["a"]


@pytest.mark.parametrize(
    "between",
    [
        keras.layers.Activation("softmax"),
        keras.layers.LayerNormalization(),
        keras.layers.Conv2DTranspose(8, 3),
        keras.layers.Lambda(lambda x: x[..., ::-1]),
        lambda x: x * 2.0,
        lambda x: keras.layers.Concatenate()([x, x]),
        lambda x: keras.layers.Add()([x, keras.layers.Conv2D(1, 1)(x)]),
        lambda x: keras.layers.Add()([x, keras.layers.Conv2D(8, 1, groups=2, padding="same")(x)]),
        keras.layers.BatchNormalization(axis=1),
    ],
)
def test_what_mixes_channels_or_is_not_known_holds_them(between: Any) -> None:
    assert "a" not in named(two_convolutions(between))


def test_an_activation_inside_a_convolution_counts() -> None:
    assert named(two_convolutions(lambda x: x, activation="relu")) == ["a"]
    assert named(two_convolutions(lambda x: x, activation="softmax")) == []


def test_channels_that_are_added_to_the_image_stay() -> None:
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(3, 3, padding="same", name="a")(image)
    x = keras.layers.Conv2D(3, 3, padding="same", name="b")(keras.layers.Add()([x, image]))
    assert named(keras.Model(image, x)) == []


def test_a_convolution_that_is_used_twice_ties_what_it_reads() -> None:
    image = keras.Input((16, 16, 3))
    first, second = (keras.layers.Conv2D(8, 3, name=name)(image) for name in "ab")
    shared = keras.layers.Conv2D(8, 3, name="shared")
    x = keras.layers.Add()([shared(first), shared(second)])
    groups = channel_groups(keras.Model(image, keras.layers.Conv2D(3, 3)(x)))
    assert [group.makers for group in groups] == [("a", "b"), ("shared",)]
    assert groups[0].takers == ("shared",)


def test_a_copy_that_shares_layers_does_not_stand_in_the_way() -> None:
    model = filled(StyleModelTable(alpha=0.1, blocks=1))
    before = channel_groups(model)
    pruned = wrap(model, CompressTable(schedule="constant", end_step=1, steps=1))
    assert channel_groups(model) == before
    assert channel_groups(pruned) == ()
