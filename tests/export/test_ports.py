"""Networks of several inputs and outputs: pictures and tensors, in every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.errors import ExportError, ImageError, ModelError
from export_pipeline.export import export
from export_pipeline.formats import Runtime, open_model
from export_pipeline.recipe import Recipe
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.signature import Signature, picture, tensor
from export_pipeline.targets import TARGETS

HEIGHT, WIDTH = 32, 48
# Not in the order of their names, which is that of TensorFlow's functions.
SIGNATURE = Signature(
    inputs=(tensor("style", (1, 6)), picture("image", HEIGHT, WIDTH)),
    outputs=(
        picture("stylized", HEIGHT, WIDTH),
        tensor("mask", (1, HEIGHT, WIDTH, 1), low=0.0, high=1.0),
        tensor("classes", (1, 4)),
    ),
)
MADE = (
    "tflite-fp16",
    "tflite-dynamic",
    "tflite-int8",
    "onnx-fp32",
    "mlpackage-fp16",
    "mlpackage-int8",
    "mlmodel-int8",
    "aimodel-fp16",
    "aimodel-int8",
)
# Relative to the range of an output: far above what is measured, far below a swapped or transposed port.
MOST_ERROR = {"fp32": 1e-4, "fp16": 0.01, "int8": 0.06}


def network() -> Any:
    """A style vector that scales the channels of a small network for pictures, with three heads."""
    import tf_keras as keras

    keras.utils.set_random_seed(0)
    style, image = keras.Input((6,), name="vector"), keras.Input((None, None, 3), name="photo")
    features = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(keras.layers.Rescaling(1 / 255)(image))
    gains = keras.layers.Reshape((1, 1, 8))(keras.layers.Dense(8, activation="sigmoid")(style))
    features = keras.layers.Multiply()([features, gains])
    picture_head = keras.layers.Conv2D(3, 1, activation="sigmoid")(features)
    return keras.Model(
        [style, image],
        [
            keras.layers.Rescaling(255.0)(picture_head),
            # Eight weights, as the last layer of a mask may have: fewer than Core ML Tools compresses.
            keras.layers.Conv2D(1, 1, activation="sigmoid")(features),
            keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(features)),
        ],
    )


def samples(count: int) -> list[dict[str, np.ndarray]]:
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    made = []
    for _ in range(count):
        waves = [127 + 120 * np.sin(rows / random.uniform(3, 9) + columns / random.uniform(3, 9)) for _ in range(3)]
        image = np.rint(np.stack(waves, axis=-1)).astype(np.uint8)
        made.append({"image": image, "style": random.uniform(-2, 2, 6).astype(np.float32)})
    return made


Made = tuple[Any, Path, dict[str, ExportedModel]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    model, folder = network(), tmp_path_factory.mktemp("ports")
    recipe = Recipe.parse({"name": "two", "export": {"height": HEIGHT, "width": WIDTH, "targets": MADE}})
    records = export(model, recipe, SIGNATURE, folder, samples(8))
    return model, folder, {record.target: record for record in records}


def opened(made: Made, target: str) -> Runtime:
    _, folder, records = made
    return open_model(folder / records[target].file, threads=1)


@pytest.mark.parametrize("target", MADE)
def test_a_file_of_several_ports_gives_what_the_network_gives(made: Made, target: str) -> None:
    runtime = opened(made, target)
    for sample in samples(3):
        expected = made[0]([sample["style"][None], sample["image"][None].astype(np.float32)], training=False)
        found = runtime.infer(sample)
        assert list(found) == ["stylized", "mask", "classes"]
        for (name, array), reference in zip(found.items(), expected, strict=True):
            wanted = reference.numpy()[0]
            assert (array.shape, array.dtype) == (wanted.shape, np.float32)
            assert np.ptp(wanted) > 0.05 * np.abs(wanted).max()  # or a constant would pass
            error = np.abs(array - wanted).max() / np.abs(wanted).max()
            rounding = 0.5 / 255 if name == "stylized" else 0
            assert error < MOST_ERROR[TARGETS[target].weights] + rounding, name


@pytest.mark.parametrize("target", MADE)
def test_a_file_tells_its_own_ports(made: Made, target: str) -> None:
    runtime, record = opened(made, target), made[2][target]
    assert runtime.signature == record.signature
    assert (runtime.inputs, runtime.outputs) == (record.signature.inputs, record.signature.outputs)
    assert ExportedModel.model_validate_json(record.model_dump_json()) == record
    kinds = {port.name: (port.kind, port.dtype) for port in (*runtime.inputs, *runtime.outputs)}
    interface = TARGETS[target].interface
    array = "tensor", "uint8" if interface == "uint8" else "float32"
    shown = ("image", "uint8") if interface == "image" else array
    assert kinds == {"style": array, "image": shown, "stylized": shown, "mask": array, "classes": array}


def test_calibrated_tensors_say_what_their_numbers_mean(made: Made) -> None:
    style, image = made[2]["tflite-int8"].signature.inputs
    assert (image.scale, image.zero_point, image.low, image.high) == (1, 0, 0, 255)
    assert style.low is not None
    assert style.high is not None
    assert -2.5 < style.low < -1 < 1 < style.high < 2.5
    assert style.scale == pytest.approx((style.high - style.low) / 255)


def test_values_may_have_a_batch_of_one(made: Made) -> None:
    runtime, sample = opened(made, "onnx-fp32"), samples(1)[0]
    first, second = runtime.infer(sample), runtime.infer({name: array[None] for name, array in sample.items()})
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_what_does_not_fit_a_port_is_refused(made: Made) -> None:
    runtime, sample = opened(made, "tflite-fp16"), samples(1)[0]
    with pytest.raises(ModelError, match=r"input 'style' of .* takes 1x6; got \(5,\)"):
        runtime.infer({**sample, "style": np.zeros(5)})
    with pytest.raises(ImageError, match=r"takes images of 32x48 .* this one is 48x32"):
        runtime.infer({**sample, "image": np.zeros((48, 32, 3), np.uint8)})
    with pytest.raises(ModelError, match="takes inputs"):
        runtime.infer({"image": sample["image"]})
    with pytest.raises(ModelError, match="no network from one RGB image to one RGB image"):
        runtime.stylize(sample["image"])


def test_the_same_network_gives_the_same_bytes(made: Made, tmp_path: Path) -> None:
    recipe = Recipe.parse({"name": "two", "export": {"height": HEIGHT, "width": WIDTH, "targets": MADE}})
    again = export(made[0], recipe, SIGNATURE, tmp_path, samples(8))
    assert [record.sha256 for record in again] == [record.sha256 for record in made[2].values()]


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        (SIGNATURE.model_copy(update={"inputs": SIGNATURE.inputs[1:]}), "has 2 inputs; the signature has 1: image"),
        (SIGNATURE.model_copy(update={"outputs": SIGNATURE.outputs[:2]}), "has 3 outputs; the signature has 2"),
        (
            SIGNATURE.model_copy(update={"outputs": (*SIGNATURE.outputs[:2], tensor("style", (1, 4)))}),
            "ports must have different names",
        ),
        (
            SIGNATURE.model_copy(update={"outputs": (*SIGNATURE.outputs[:2], tensor("classes", (1, 5)))}),
            r"into classes of shape \(1, 4\); \(1, 5\) is needed",
        ),
    ],
)
def test_a_signature_of_another_network_is_refused(signature: Signature, message: str, tmp_path: Path) -> None:
    recipe = Recipe.parse({"export": {"targets": ("onnx-fp32",)}})
    with pytest.raises(ExportError, match=message):
        export(network(), recipe, signature, tmp_path)


def test_a_sample_must_have_every_input(tmp_path: Path) -> None:
    recipe = Recipe.parse({"export": {"targets": ("tflite-int8",)}})
    with pytest.raises(ExportError, match="no array for the input 'style'"):
        export(network(), recipe, SIGNATURE, tmp_path, [{"image": samples(1)[0]["image"]}])
