"""Every kind of layer that multiplies by a kernel: counted by one rule in every format, and stored as asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.errors import ExportError
from export_pipeline.export import export, guard
from export_pipeline.formats import WrittenFormat, contents_of, format_of, open_model, static
from export_pipeline.formats.format import Kernel
from export_pipeline.recipe import Recipe
from export_pipeline.records.signature import Signature, tensor
from export_pipeline.targets import TARGETS

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
# Relative to the largest output: far above what is measured, far below a wrong layer.
MOST_ERROR = {"fp32": 1e-4, "fp16": 0.01, "int8": 0.1}


def pictures() -> Any:
    """Convolutions of every kind, a dense layer called twice, an output of four axes and one of three."""
    import tf_keras as keras

    x = image = keras.Input((12, 12, 4), name="image")
    x = keras.layers.Conv2D(8, 3, padding="same", dilation_rate=2, activation="relu")(x)
    x = keras.layers.Conv2D(8, 3, padding="same", groups=2)(x)
    x = keras.layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)(x)
    x = keras.layers.SeparableConv2D(6, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2DTranspose(5, 3, strides=2, padding="same", name="map")(x)
    # Large weights: full integers have 256 values from -1 to 1 for a tanh, and no more for a small one.
    shared = keras.layers.Dense(5, activation="tanh", kernel_initializer=keras.initializers.Orthogonal(gain=4))
    rows = shared(shared(keras.layers.Reshape((144, 5))(x)))
    return keras.Model(image, [x, rows])


def series() -> Any:
    """Recurrent layers of every kind and a convolution along time; two inputs, outputs of three axes and of two."""
    import tf_keras as keras

    one, other = keras.Input((5, 6), name="one"), keras.Input((4,), name="other")
    x = keras.layers.Conv1D(6, 3, padding="causal", activation="relu")(one)
    x = keras.layers.Bidirectional(keras.layers.LSTM(5, return_sequences=True))(x)
    x = keras.layers.GRU(6, return_sequences=True)(x)
    x = keras.layers.SimpleRNN(6, return_sequences=True, name="steps")(x)
    last = keras.layers.Concatenate()([keras.layers.GlobalAveragePooling1D()(x), other])
    return keras.Model([one, other], [x, keras.layers.Dense(3)(last)])


NETWORKS = {"pictures": pictures, "series": series}
Made = tuple[Any, Signature, list[dict[str, np.ndarray]]]


def made(name: str) -> Made:
    import tf_keras as keras

    keras.utils.set_random_seed(0)
    model = NETWORKS[name]()
    inputs = tuple(
        tensor(name, (1, *each.shape[1:])) for name, each in zip(model.input_names, model.inputs, strict=True)
    )
    outputs = tuple(tensor(f"out{index}", (1, *each.shape[1:])) for index, each in enumerate(model.outputs))
    random = np.random.default_rng(0)
    samples = [
        {port.name: random.normal(0, 1, port.closed_shape[1:]).astype(np.float32) for port in inputs} for _ in range(4)
    ]
    return model, Signature(inputs=inputs, outputs=outputs), samples


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Made:
    return made(request.param)


@pytest.mark.parametrize("target", MADE)
def test_a_file_has_every_kernel_and_does_the_work_of_the_network(network: Made, target: str, tmp_path: Path) -> None:
    model, signature, samples = network
    recipe = Recipe.parse({"name": "kinds", "export": {"targets": (target,)}})
    (record,) = export(model, recipe, signature, tmp_path, samples)
    path, kind = tmp_path / record.file, format_of(record.file)
    assert isinstance(kind, WrittenFormat)
    wanted = static.kernels(model)
    found = kind.kernels(path)
    assert sorted(kernel.size for kernel in found) == sorted(kernel.size for kernel in wanted)
    assert {kernel.storage for kernel in found} == {TARGETS[target].weights}
    assert contents_of(path).multiply_accumulates == work(model, signature, tmp_path)
    outputs = open_model(path, threads=1).infer(samples[0])
    references = model([samples[0][port.name][None] for port in signature.inputs], training=False)
    for port, reference in zip(signature.outputs, references, strict=True):
        error = np.abs(outputs[port.name] - reference.numpy()[0]).max() / np.abs(reference).max()
        assert error < MOST_ERROR[TARGETS[target].weights], port.name


def work(model: Any, signature: Signature, folder: Path) -> int | None:
    """Multiply-accumulates that the network's own file tells."""
    static.at_size(model, signature).save(folder / "float.keras")
    return contents_of(folder / "float.keras").multiply_accumulates


def test_the_rule_counts_what_inputs_are_multiplied_by(network: Made) -> None:
    model = network[0]
    kernels = sum(
        int(np.prod(weight.shape)) for weight in model.weights if "kernel" in weight.name and len(weight.shape) > 1
    )
    assert sum(kernel.size for kernel in static.kernels(model)) == kernels > 400


def test_kernels_of_equal_values_count_once() -> None:
    import tf_keras as keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(4), keras.layers.Dense(3)])
    assert len(static.kernels(model)) == 3
    model.layers[1].set_weights(model.layers[0].get_weights())
    assert len(static.kernels(model)) == 2


def test_a_kernel_that_a_converter_lost_is_noticed() -> None:
    wanted = [Kernel(72, "int8", 8), Kernel(20, "int8", 8)]
    with pytest.raises(ExportError, match="the file has 1 kernels with 72 weights; the network has 2 with 92"):
        guard.check_kernels(TARGETS["tflite-dynamic"], wanted[:1], wanted)
    with pytest.raises(ExportError, match="kernels are stored as 1 fp32 of 32 bits, 1 int8 of 8 bits"):
        guard.check_kernels(TARGETS["tflite-dynamic"], [wanted[0], Kernel(20, "fp32", 32)], wanted)


@pytest.mark.parametrize(
    "target",
    ["mlpackage-palettized", "mlmodel-palettized", "mlpackage-sparse", "aimodel-palettized", "aimodel-sparse"],
)
def test_dense_and_recurrent_kernels_have_tables_and_masks_as_well(target: str, tmp_path: Path) -> None:
    import tf_keras as keras

    keras.utils.set_random_seed(0)
    x = first = keras.Input((3, 16), name="x")
    model = keras.Model(
        first, keras.layers.Dense(48)(keras.layers.GRU(32)(keras.layers.Conv1D(32, 3, padding="same")(x)))
    )
    for weight in model.weights:
        if "kernel" in weight.name:
            values = np.rint(weight.numpy() / weight.numpy().std() * 1.5).clip(-3, 3) / 8
            weight.assign(np.where(np.abs(values) > 0.2, values, 0))
    signature = Signature(inputs=(tensor("x", (1, 3, 16)),), outputs=(tensor("y", (1, 48)),))
    recipe = Recipe.parse(
        {
            "name": "few",
            "export": {"targets": (target,)},
            "compress": {"bits": 3, "schedule": "constant", "steps": 100},
        }
    )
    (record,) = export(model, recipe, signature, tmp_path)
    kind = format_of(record.file)
    assert isinstance(kind, WrittenFormat)
    kernels = kind.kernels(tmp_path / record.file)
    assert {kernel.storage for kernel in kernels} == {TARGETS[target].weights}
    sample = np.random.default_rng(0).normal(size=(3, 16)).astype(np.float32)
    (output,) = open_model(tmp_path / record.file, threads=1).infer({"x": sample}).values()
    wanted = model(sample[None], training=False).numpy()[0]
    assert np.abs(output - wanted).max() < 0.01 * np.abs(wanted).max()


def test_a_series_that_is_too_long_to_unroll_is_refused(tmp_path: Path) -> None:
    import tf_keras as keras

    first = keras.Input((600, 2))
    model = keras.Model(first, keras.layers.LSTM(2, name="memory")(first))
    signature = Signature(inputs=(tensor("x", (1, 600, 2)),), outputs=(tensor("y", (1, 2)),))
    with pytest.raises(ExportError, match="memory has 600 steps; at most 512 are unrolled"):
        export(model, Recipe.parse({"export": {"targets": ("onnx-fp32",)}}), signature, tmp_path)
