"""Every layer that Core AI files are written of gives what Keras gives; every other one is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.errors import ExportError
from export_pipeline.export import export
from export_pipeline.formats import format_of, open_model, static
from export_pipeline.formats.coreai import layers, registry
from export_pipeline.formats.coreai.network import described
from export_pipeline.recipe import Recipe
from export_pipeline.records.signature import Port, Signature
from tests.formats.coreai import cases

# Relative to the largest output: half precision has eleven bits, and some layers add up a hundred products.
MOST_ERROR = 0.006


def signature(model: Any, names: list[str]) -> Signature:
    inputs = [Port(name="x", shape=(1, *each.shape[1:]), dtype=each.dtype.name) for each in model.inputs]
    outputs = [Port(name=name, shape=(1, *each.shape[1:])) for name, each in zip(names, model.outputs, strict=True)]
    return Signature(inputs=tuple(inputs), outputs=tuple(outputs))


@pytest.mark.parametrize("suffix", [".aimodel"])
@pytest.mark.parametrize("group", cases.GROUPS)
def test_a_layer_gives_what_keras_gives(group: str, suffix: str, tmp_path: Path) -> None:
    model, names = cases.network(group)
    recipe = Recipe.parse({"name": "layers", "export": {"targets": ("aimodel-fp16",)}})
    if not static.kernels(model):  # a file of tables of vectors only
        assert group == "indices"
    (record,) = export(model, recipe, signature(model, names), tmp_path)
    given = cases.sample(group)
    found = open_model(tmp_path / record.file, threads=1).run({"x": given})
    expected = model(given, training=False)
    wanted = dict(zip(names, expected if isinstance(expected, list) else [expected], strict=True))
    errors = {name: np.abs(found[name] - each.numpy()).max() / np.abs(each).max() for name, each in wanted.items()}
    assert {name: found[name].shape for name in names} == {name: tuple(each.shape) for name, each in wanted.items()}
    assert not {name: error for name, error in errors.items() if not error < MOST_ERROR}


def test_every_layer_has_a_case() -> None:
    met = {"InputLayer"}
    for group in cases.GROUPS:
        model, names = cases.network(group)
        network, _ = described(static.at_size(model, signature(model, names)), signature(model, names))
        met |= {call["kind"] for call in network["calls"]}
    assert met == set(registry.LAYERS)
    assert layers.__all__


def test_colors_are_computed_with_the_numbers_of_the_network() -> None:
    from export_pipeline.models import color_transfer

    for name in ("BASIS", "PAIRS", "LEAST_OF_STYLE", "LEAST_OF_PHOTO", "SAMPLED"):
        np.testing.assert_allclose(getattr(layers.colors, name), getattr(color_transfer, name), rtol=1e-7)


def test_all_layers_that_are_not_written_are_named_at_once(tmp_path: Path) -> None:
    import tf_keras as keras

    x = given = keras.Input((8, 8, 3), name="x")
    x = keras.layers.Conv2D(4, 3, activation="hard_sigmoid", name="known")(x)
    x = keras.layers.LocallyConnected2D(2, 3, name="local")(x)
    x = keras.layers.Resizing(4, 4, interpolation="lanczos3", name="sharp")(x)
    x = keras.layers.Softmax(axis=[1, 2], name="over_all")(x)
    model = keras.Model(given, keras.layers.Lambda(lambda y: y * 2, name="own")(x))
    network, _ = described(model, signature(model, ["y"]))
    with pytest.raises(ExportError) as caught:
        registry.check(network["calls"])
    told = str(caught.value)
    refused = {"local": "LocallyConnected2D", "sharp": "interpolation", "over_all": "axes", "own": "Lambda"}
    for name, why in refused.items():
        assert f"{name} (" in told
        assert why in told
    assert "known" not in told
    assert "Allowed: Activation, " in told
    assert format_of("a.aimodel").suffixes == (".aimodel",)


@pytest.mark.parametrize("suffix", [".aimodel"])
def test_a_weight_beyond_half_precision_is_refused(suffix: str, tmp_path: Path) -> None:
    import tf_keras as keras

    given = keras.Input((4,), name="x")
    dense = keras.layers.Dense(2)
    model = keras.Model(given, dense(given))
    dense.bias.assign([1.0, 70_000.0])
    recipe = Recipe.parse({"name": "large", "export": {"targets": ("aimodel-fp16",)}})
    with pytest.raises(ExportError, match="a weight of 70000 is beyond float16"):
        export(model, recipe, signature(model, ["y"]), tmp_path)


@pytest.mark.parametrize("suffix", [".aimodel"])
@pytest.mark.parametrize("transposed", [False, True])
def test_each_output_channel_has_its_own_steps_of_eight_bits(transposed: bool, suffix: str, tmp_path: Path) -> None:
    """Kernels of one channel are a thousand times as large as those of another; both keep their digits."""
    import tf_keras as keras

    given = keras.Input((6, 6, 4), name="x")
    kind = keras.layers.Conv2DTranspose if transposed else keras.layers.Conv2D
    model = keras.Model(given, kind(4, 3, strides=2, padding="same", name="made")(given))
    random = np.random.default_rng(5)
    kernel = random.normal(0, 1, (3, 3, 4, 4))
    # (H, W, out, in) of a transposed one, (H, W, in, out) of the other.
    sizes = np.array([1.0, 0.1, 0.01, 0.001])
    kernel *= sizes[:, None] if transposed else sizes
    model.get_layer("made").set_weights([kernel, np.zeros(4)])
    recipe = Recipe.parse({"name": "steps", "export": {"targets": ("aimodel-int8",)}})
    (record,) = export(model, recipe, signature(model, ["y"]), tmp_path)
    sample = random.normal(0, 1, (1, 6, 6, 4)).astype(np.float32)
    found = open_model(tmp_path / record.file, threads=1).run({"x": sample})["y"]
    expected = model(sample, training=False).numpy()
    error = np.abs(found - expected).max((0, 1, 2)) / np.abs(expected).max((0, 1, 2))
    assert error.max() < 0.02


@pytest.mark.parametrize("suffix", [".aimodel"])
@pytest.mark.parametrize("transposed", [False, True])
def test_steps_below_the_normal_range_of_half_precision_keep_their_digits(
    transposed: bool, suffix: str, tmp_path: Path
) -> None:
    """As of a first kernel that divides an image of 0..255: the largest weight of each channel is kept to its step."""
    import tf_keras as keras

    given = keras.Input((16, 16, 3), name="x")
    kind = keras.layers.Conv2DTranspose if transposed else keras.layers.Conv2D
    model = keras.Model(given, kind(8, 3, padding="same", name="made")(given))
    layer, random = model.get_layer("made"), np.random.default_rng(6)
    layer.set_weights([random.normal(0, 1 / 2048, layer.kernel.shape), np.zeros(8)])
    recipe = Recipe.parse({"name": "steps", "export": {"targets": ("aimodel-int8",)}})
    (record,) = export(model, recipe, signature(model, ["y"]), tmp_path)
    (kernel,) = format_of(record.file).kernels(tmp_path / record.file)
    outputs = 1 if transposed else 0  # (in, out, H, W) and (out, in, H, W)
    held = np.abs(np.moveaxis(np.asarray(kernel.values, np.float64), outputs, 0)).reshape(8, -1).max(1)
    wanted = np.abs(np.moveaxis(layer.get_weights()[0], 2 if transposed else 3, 0)).reshape(8, -1).max(1)
    power = np.rint(np.log2(held / wanted))
    assert len(set(power)) == 1
    assert power[0] > 0  # a power of two went from what comes in to the kernel
    np.testing.assert_allclose(held / 2.0**power, wanted, rtol=6e-4)
    sample = random.uniform(0, 255, (1, 16, 16, 3)).astype(np.float32)
    found = open_model(tmp_path / record.file, threads=1).run({"x": sample})["y"]
    expected = model(sample, training=False).numpy()
    assert np.square(found - expected).sum() < 1e-4 * np.square(expected).sum()
