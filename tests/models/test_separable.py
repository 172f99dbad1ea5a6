"""Separable blocks: what they are made of, what they save, and that every format holds and counts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline import models
from export_pipeline.base.images import fit
from export_pipeline.compress.channels import channel_groups
from export_pipeline.compress.narrow import narrowed, without_block
from export_pipeline.formats import contents_of, open_model
from export_pipeline.models.layers import InstanceNormalization
from export_pipeline.recipe import Recipe, StyleModelTable
from export_pipeline.targets import TARGETS
from tests.export import material
from tests.models.material import GIVES

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2

SIDE = 32
PHOTO = np.random.default_rng(0).uniform(0, 255, (2, SIDE, SIDE, 3)).astype(np.float32)
LEAST_PSNR = {"fp32": 90.0, "fp16": 45.0, "int8": 28.0, "palettized": 45.0, "sparse": 45.0, "joint": 45.0}
# Of an untrained network: 20.7 dB. A live norm stretches what a depthwise convolution gives, and 8 bits have one range
# for all of its channels.
LEAST_OF_DEPTHWISE_IN_8_BITS = 18.0
NETWORKS = {
    "small": {"network": "small", "alpha": 0.3, "blocks": 1},
    "johnson": {"network": "johnson", "alpha": 0.1, "blocks": 1, "norm": "batch"},
}
SEPARABLE = {"blocks_kind": "separable"}


def kernels(model: Any) -> dict[str, tuple[int, ...]]:
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    return {layer.name: tuple(layer.weights[0].shape) for layer in model.layers if isinstance(layer, kinds)}


@pytest.mark.parametrize("name", GIVES)
def test_all_convolutions_but_the_ends_are_depthwise_and_pointwise(name: str) -> None:
    full, separable = models.NETWORKS[name](), kernels(models.NETWORKS[name](**SEPARABLE))
    wanted: dict[str, tuple[int, ...]] = {}
    names = list(kernels(full))
    for layer, (height, width, inputs, filters) in kernels(full).items():
        if layer in (names[0], names[-1], "context_conv"):  # the last is of one point
            wanted[layer] = (height, width, inputs, filters)
        else:
            assert (height, width) == (3, 3)
            wanted[layer.replace("_conv", "_depthwise")] = (3, 3, inputs, 1)
            wanted[layer] = (1, 1, inputs, filters)
    assert separable == wanted


def test_strides_are_those_of_the_full_convolutions() -> None:
    model = models.johnson(height=64, width=48, **SEPARABLE)
    assert model.get_layer("down2_depthwise").output_shape == (None, 16, 12, 64)
    assert model.get_layer("down2_conv").output_shape == (None, 16, 12, 128)


def work(folder: Path, network: str, **arguments: Any) -> dict[str, int]:
    models.NETWORKS[network](**arguments).save(folder / "m.keras")
    contents = contents_of(folder / "m.keras", SIDE, SIDE)
    assert contents.multiply_accumulates == sum(row.multiply_accumulates for row in contents.work)
    return {row.name: row.multiply_accumulates for row in contents.work}


@pytest.mark.parametrize("network", GIVES)
def test_a_layer_takes_the_share_of_the_paper(network: str, tmp_path: Path) -> None:
    """Howard et al., section 3.1: 1 / filters + 1 / 9; eight to nine times fewer from 72 filters on."""
    full, separable = work(tmp_path, network), work(tmp_path, network, **SEPARABLE)
    filters = {name: shape[-1] for name, shape in kernels(models.NETWORKS[network]()).items()}
    replaced = [name for name in full if name.replace("_conv", "_depthwise") in separable]
    assert replaced
    for name in replaced:
        ratio = (separable[name] + separable[name.replace("_conv", "_depthwise")]) / full[name]
        assert ratio == pytest.approx(1 / filters[name] + 1 / 9)
    assert {name: count for name, count in full.items() if name not in replaced} == {
        name: count for name, count in separable.items() if name in full and name not in replaced
    }


@pytest.fixture(scope="module", params=NETWORKS)
def exports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, Any]:
    """A network with separable blocks, pruned and clustered, and its file for every target."""
    folder = tmp_path_factory.mktemp(request.param)
    model = material.filled(**NETWORKS[request.param], **SEPARABLE)
    apart = {weight.ref(): weight.numpy() for weight in model.weights if "depthwise_kernel" in weight.name}
    material.compressed(model, 16, 0.6)
    for weight, values in apart.items():  # which the compress stage leaves as they are
        weight.deref().assign(values)
    records = material.exported(model, material.recipe(side=SIDE), folder, material.photographs())
    return model, folder, {record.target: record for record in records}


@pytest.mark.parametrize("target", TARGETS)
def test_every_format_computes_and_counts_it(exports: tuple[Any, Path, Any], target: str, tmp_path: Path) -> None:
    model, folder, records = exports
    path = folder / records[target].file
    image = fit(material.photographs()[0], SIDE, SIDE)
    expected = model(image[None].astype(np.float32)).numpy()[0]
    error = np.mean((open_model(path, threads=1).stylize(image).astype(np.float64) - expected) ** 2)
    live = target == "tflite-int8" and any(isinstance(layer, InstanceNormalization) for layer in model.layers)
    least = LEAST_OF_DEPTHWISE_IN_8_BITS if live else LEAST_PSNR[TARGETS[target].weights]
    assert 10 * np.log10(255**2 / error) > least
    model.save(tmp_path / "m.keras")
    network, contents = contents_of(tmp_path / "m.keras", SIDE, SIDE), contents_of(path)
    assert contents.multiply_accumulates == network.multiply_accumulates
    assert not contents.work
    sizes = [sorted(row.parameters for row in found.weights if row.convolution) for found in (contents, network)]
    assert sizes[0] == sizes[1]
    assert contents.nonzero_share == pytest.approx(network.nonzero_share, abs=0.02)


@pytest.mark.parametrize("network", ["johnson", "small", "subpixel"])
@pytest.mark.parametrize("norm", models.NORMS)
def test_channels_that_are_zero_can_go_and_nothing_changes(network: str, norm: str) -> None:
    table = StyleModelTable(network=network, alpha=0.13, blocks=2, norm=norm, blocks_kind="separable")
    model = material.filled(**table.model_dump())
    keep = {}
    for group in channel_groups(model):
        keep[group.name] = np.arange(1, group.size)
        for name in (*group.makers, *group.norms):
            for weight in model.get_layer(name).weights:
                if "moving" not in weight.name:
                    weight.assign(np.where(np.arange(weight.shape[-1]) == 0, 0, weight))
    assert any(group.depthwise for group in channel_groups(model))
    smaller, its_table = narrowed(model, table, keep)
    assert smaller.count_params() < model.count_params()
    np.testing.assert_allclose(smaller(PHOTO, training=False), model(PHOTO, training=False), rtol=0, atol=2e-3)
    shorter, its_table = without_block(smaller, its_table, 0)
    assert its_table.blocks == 1
    np.testing.assert_array_equal(
        shorter.get_layer("block0_a_depthwise").weights[0], smaller.get_layer("block1_a_depthwise").weights[0]
    )


def test_recipes_choose_the_kind() -> None:
    for task in ("style_transfer", "segmentation"):
        recipe = Recipe.parse({"task": task, "model": SEPARABLE})
        assert recipe.model.model_dump()["blocks_kind"] == "separable"
        assert Recipe.parse({"task": task}).model.model_dump()["blocks_kind"] == "residual"
