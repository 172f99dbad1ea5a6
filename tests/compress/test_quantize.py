"""Quantization-aware training: what is rounded, what is kept, and that the file takes the ranges that were trained."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline import models
from export_pipeline.compress import Compressed, check, compress
from export_pipeline.compress.fake_quant import fake_quantized, moving
from export_pipeline.compress.places import places
from export_pipeline.errors import ExportError, RecipeError
from export_pipeline.export import export
from export_pipeline.formats import open_model
from export_pipeline.formats.tflite import flatbuffer, trained
from export_pipeline.models.layers import InstanceNormalization
from export_pipeline.recipe import Recipe
from export_pipeline.records.signature import Signature, image_to_image, picture, tensor
from tests.compress.material import kernels, tools
from tests.export.material import filled, photographs

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2

SIDE = 32
PHOTO = np.random.default_rng(0).uniform(0, 255, (1, SIDE, SIDE, 3)).round().astype(np.float32)
REFUSED = "adain_subpixel"  # takes statistics beside the picture, and layers of its own compute with them
ALL = [
    (name, norm, kind)
    for name in models.NETWORKS
    if name != REFUSED
    for norm in models.NORMS
    for kind in models.BLOCKS_KINDS
]
AWARE = {"quantize_aware": True, "quantize": {"steps": 3, "learning_rate": 1e-3}}
PRUNED = {"schedule": "constant", "final_sparsity": 0.6, "end_step": 1, "frequency": 1, "steps": 1}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "instance": ({"network": "small", "alpha": 0.1, "blocks": 1}, {}),
    "batch": ({"network": "small", "alpha": 0.1, "blocks": 1, "norm": "batch"}, PRUNED | {"bits": 3}),
    "subpixel": ({"network": "subpixel", "alpha": 0.1, "blocks": 1, "rho": 0.5, "norm": "batch", "margin": 4}, {}),
    "unet": ({"network": "unet", "alpha": 0.125}, PRUNED),
    "mobile": ({"network": "unet", "alpha": 0.25, "blocks_kind": "separable"}, {}),
}
EACH = pytest.mark.parametrize("case", CASES)


def is_unet(case: str) -> bool:
    return bool(CASES[case][0]["network"] == "unet")


def recipe_of(case: str) -> Recipe:
    network, table = CASES[case]
    task = "segmentation" if is_unet(case) else "style_transfer"
    export_table = {"height": SIDE, "width": SIDE, "targets": ["tflite-int8"]}
    return Recipe.parse({"task": task, "model": network, "compress": {**table, **AWARE}, "export": export_table})


@cache
def made(case: str) -> Compressed:
    """The network of *case* after some steps of quantization-aware training."""
    return compress(filled(**CASES[case][0]), recipe_of(case), tools())


def signature(case: str) -> Signature:
    if not is_unet(case):
        return image_to_image(SIDE, SIDE, "image", "stylized")
    return Signature(inputs=(picture("image", SIDE, SIDE),), outputs=(tensor("mask", (1, SIDE, SIDE, 1), 0.0, 1.0),))


@pytest.fixture(scope="module")
def file_of(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The full-integer file of a case; nothing is given to calibrate on."""
    folder = tmp_path_factory.mktemp("files")

    @cache
    def write(case: str) -> Path:
        (folder / case).mkdir(exist_ok=True)
        found = made(case)
        (record,) = export(found.deployed, found.recipe, signature(case), folder / case, rounded=found.rounded)
        assert trained.NOTE in record.notes
        return folder / case / record.file

    return write


# What is rounded


@pytest.mark.parametrize(("name", "norm", "kind"), ALL)
def test_there_is_a_rule_for_every_layer_of_every_network(name: str, norm: str, kind: str) -> None:
    model = models.NETWORKS[name](alpha=0.125, norm=norm, blocks_kind=kind)
    found = places(model)
    assert [layer.name for layer in model.layers[1:]] == list(found)
    for layer in model.layers[1:]:
        place = found[layer.name]
        assert bool(place.kernel) == isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D))
        if isinstance(layer, InstanceNormalization):
            assert not place.rounds
    assert found["rescale"].range == (0.0, 255 / 128)
    ends = {"to_image": (0.0, 255.0), "out_sigmoid": (0.0, 255 / 256)}
    assert [place.range for layer, place in found.items() if layer in ends] == [
        limits for layer, limits in ends.items() if layer in found
    ]


def test_a_network_that_paints_after_statistics_is_refused() -> None:
    with pytest.raises(RecipeError, match="colors is a Channels, and there is no rule"):
        check(models.NETWORKS[REFUSED](alpha=0.125), Recipe.parse({"compress": AWARE}).compress)


def test_a_layer_without_a_rule_is_refused_before_anything_is_trained() -> None:
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(3, 3, name="conv")(image)
    strange = keras.Model(image, keras.layers.UnitNormalization(name="unit")(x))
    table = Recipe.parse({"compress": AWARE}).compress
    with pytest.raises(RecipeError, match="quantize_aware: unit is a UnitNormalization, and there is no rule"):
        check(strange, table)
    within = keras.Model(image, keras.layers.Conv2D(3, 3, activation="tanh", name="conv")(image))
    with pytest.raises(RecipeError, match="conv has the activation tanh within"):
        check(within, table)


@EACH
def test_a_rounding_network_is_near_the_one_that_it_is_made_of(case: str) -> None:
    found = made(case)
    assert found.rounded is not None
    rounded, plain = (model(PHOTO, training=False).numpy() for model in (found.rounded.model, found.model))
    assert np.abs(rounded - plain).mean() < 0.3 * plain.std() + 1e-3
    assert not np.array_equal(rounded, plain)


def test_ranges_follow_what_training_reaches() -> None:
    model = filled("small", alpha=0.1, blocks=1, norm="batch")
    rounding = fake_quantized(model, places(model))
    sides = moving(rounding)
    assert {"down0_relu", "block0_a_relu", "block0_add"} <= set(sides)
    rounding(PHOTO, training=False)
    assert float(sides["down0_relu"]["high"]) == 0
    rounding(PHOTO, training=True)
    first = float(sides["down0_relu"]["high"])
    rounding(PHOTO, training=True)
    assert 0 < first < float(sides["down0_relu"]["high"])


# What is kept


@EACH
def test_training_moves_the_weights_and_the_recipe_builds_the_network(case: str) -> None:
    found, before = made(case), filled(**CASES[case][0])
    assert found.steps >= 3
    assert [weight.shape for weight in found.model.weights] == [weight.shape for weight in before.weights]
    assert found.model.to_json() == before.to_json()
    assert found.record.ranges == dict(found.ranges)
    moved = [
        not np.array_equal(one, other)
        for one, other in zip(kernels(found.model).values(), kernels(before).values(), strict=True)
    ]
    assert all(moved)


def test_zeros_are_kept() -> None:
    recipe = recipe_of("unet")
    before = compress(filled(**CASES["unet"][0]), recipe, tools(), last="prune").model
    after = made("unet").model
    for name, kernel in kernels(before).items():
        np.testing.assert_array_equal(kernels(after)[name] == 0, kernel == 0)
        assert (kernel == 0).mean() >= 0.5


def test_tables_are_kept_also_in_the_file(file_of: Any) -> None:
    for name, kernel in kernels(made("batch").model).items():
        assert len(np.unique(kernel)) <= 8, name
    content = flatbuffer.read(file_of("batch").read_bytes())
    for values in stored_kernels(content):
        assert len(np.unique(values)) <= 8
        assert (values == 0).mean() > 0.5


def stored_kernels(content: Any) -> list[np.ndarray]:
    return [
        np.frombuffer(bytes(content.buffers[graph_tensor.buffer].data), np.int8)
        for _, graph_tensor, _ in flatbuffer._kernel_tensors(content)
    ]


# The file


@EACH
def test_the_file_takes_the_trained_ranges(file_of: Any, case: str) -> None:
    """Scale and zero point of every activation in 8 bits, against the formula of the paper."""
    found = made(case)
    wanted = []
    for name, (low, high) in found.ranges.items():
        if name == "rescale":
            low, high = low * 128, high * 128  # which is folded away
        scale = (high - low) / 255
        wanted.append((scale, round(-low / scale) - 128))
    held = sorted(trained.activations(flatbuffer.read(file_of(case).read_bytes())))
    np.testing.assert_allclose(held, sorted({pair: pair for pair in wanted}), rtol=1e-5)


@EACH
def test_the_file_computes_what_was_trained(file_of: Any, case: str) -> None:
    found = made(case)
    assert found.rounded is not None
    expected = found.rounded.model(PHOTO, training=False).numpy()[0]
    outputs = open_model(file_of(case), threads=1).infer({"image": PHOTO[0].astype(np.uint8)})
    (values,) = outputs.values()
    steps = np.abs(values.astype(np.float64) - expected) * (256 if is_unet(case) else 1)
    assert np.mean(steps) < 1.5
    assert np.quantile(steps, 0.99) <= 8


@pytest.mark.parametrize("case", ["instance", "batch"])
def test_a_flexible_file_takes_the_trained_ranges_at_every_size(file_of: Any, tmp_path: Path, case: str) -> None:
    found = made(case)
    assert found.rounded is not None
    sides = [image_to_image(*size, "image", "stylized") for size in ((SIDE, SIDE), (48, SIDE))]
    more = {"rounded": found.rounded, "flexible": Signature.flexible(sides)}
    (record,) = export(found.deployed, found.recipe, sides[0], tmp_path, **more)
    runtimes = [open_model(path, threads=1) for path in (tmp_path / record.file, file_of(case))]
    one, other = (runtime.infer({"image": PHOTO[0].astype(np.uint8)})["stylized"] for runtime in runtimes)
    assert np.array_equal(one, other)
    larger = np.concatenate([PHOTO, PHOTO[:, :16]], 1)
    expected = found.rounded.model(larger, training=False).numpy()[0]
    given = runtimes[0].infer({"image": larger[0].astype(np.uint8)})["stylized"]
    assert np.mean(np.abs(given - expected)) < 1.5


def test_samples_change_nothing(file_of: Any, tmp_path: Path) -> None:
    found = made("unet")
    samples = [{"image": photograph} for photograph in photographs()]
    (record,) = export(found.deployed, found.recipe, signature("unet"), tmp_path, samples, rounded=found.rounded)
    path = tmp_path / record.file
    assert path.read_bytes() == file_of("unet").read_bytes()
    lines: list[str] = []
    again = {"rounded": found.rounded, "resume": True, "progress": lines.append}
    assert export(found.deployed, found.recipe, signature("unet"), tmp_path, **again) == (record,)
    assert not any("converting" in line for line in lines)


def test_every_convolution_computes_in_8_bits(file_of: Any) -> None:
    for case in CASES:
        floats = set(flatbuffer.float_operations(flatbuffer.read(file_of(case).read_bytes())))
        assert not floats & set(flatbuffer.KERNELS)
        assert not (floats and is_unet(case))


def test_a_file_with_another_range_is_refused(file_of: Any) -> None:
    found, content = made("unet"), flatbuffer.read(file_of("unet").read_bytes())
    assert found.rounded is not None
    ranges = dict(found.rounded.ranges)
    trained.check(content, ranges)
    ranges["bottom_a_relu"] = (0.0, ranges["bottom_a_relu"][1] * 1.01)
    with pytest.raises(ExportError, match=r"1 activations have a scale that was not trained.* ranges of bottom_a_relu"):
        trained.check(content, ranges)


# The recipe


def test_settings_without_the_switch_are_refused() -> None:
    with pytest.raises(RecipeError, match="quantize has no effect without quantize_aware"):
        Recipe.parse({"compress": {"quantize": {"steps": 3}}})
    assert Recipe.parse({"compress": {"quantize_aware": False, "quantize": {"steps": 3}}}).compress.quantize.steps == 3
