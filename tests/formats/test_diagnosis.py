"""What is told of accelerators, and of files that are not what they are called."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.cli import main
from export_pipeline.formats import contents_of, diagnosis_of
from export_pipeline.formats.tflite import flatbuffer
from export_pipeline.records.diagnosis import Diagnosis
from tests.small_models import exported

SIZE = 64
RELU_0_TO_1 = 152  # BuiltinOperator of the schema


def _functions() -> dict[str, Callable[[Any], Any]]:
    """Graphs of a picture ``(1, 64, 64, 4)``, by name: each with an operation that the delegate takes or refuses."""
    import tensorflow as tf

    kernel = np.linspace(-1, 1, 9 * 4 * 4, dtype=np.float32).reshape(3, 3, 4, 4)

    def reflected(x: Any) -> Any:
        """Reflect padding as a gather, which is how some converters write it."""
        order = tf.constant([1, *range(SIZE), SIZE - 2])[:, None]
        return tf.gather_nd(tf.transpose(x, (1, 0, 2, 3)), order)

    return {
        "conv": lambda x: tf.nn.relu6(tf.nn.conv2d(x, kernel, 1, "SAME")),
        "reflect": lambda x: tf.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="REFLECT"),
        "symmetric": lambda x: tf.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="SYMMETRIC"),
        "gather_nd": reflected,
        "relu_0_to_1": tf.nn.relu,
        "broadcast": lambda x: tf.broadcast_to(x[:, :1], x.shape) * 2.0,
        "mean": lambda x: x - tf.reduce_mean(x, (1, 2), keepdims=True),
        "shrunk": lambda x: x[0, 0] * 2.0,
        "argmax": lambda x: tf.cast(tf.argmax(x, -1, output_type=tf.int32), tf.float32),
        "int_cast": lambda x: tf.cast(tf.cast(x, tf.int32), tf.float32),
        "both_broadcast": lambda x: x[:, :1] * x[:, :, :1],
        "depthwise": lambda x: tf.nn.depthwise_conv2d(x, kernel[..., :2], (1, 1, 1, 1), "SAME"),
        "between": lambda x: tf.nn.relu(reflected(tf.nn.relu(x)) + 1.0),
    }


# What the delegate refuses of each, by operation, and a word of the reason; out of gpu_compatibility.cc.
REFUSED = {
    "conv": {},
    "reflect": {},
    "symmetric": {"MIRROR_PAD": "SYMMETRIC"},
    "gather_nd": {"GATHER_ND": "not supported"},
    "relu_0_to_1": {"RELU_0_TO_1": "not supported"},
    "broadcast": {"BROADCAST_TO": "not supported"},
    "mean": {},
    "shrunk": {"STRIDED_SLICE": "axis that goes"},
    "argmax": {"ARG_MAX": "not supported"},
    "int_cast": {},
    "both_broadcast": {"MUL": "1x1x64x4 and 1x64x1x4"},
    "depthwise": {"DEPTHWISE_CONV_2D": "2 kernels"},
}


@cache
def _content(name: str) -> bytes:
    import tensorflow as tf

    function = tf.function(_functions()[name]).get_concrete_function(tf.TensorSpec((1, SIZE, SIZE, 4), tf.float32))
    content = bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())
    if name != "relu_0_to_1":
        return content
    model = flatbuffer.read(content)  # the converter writes it for some orders of clipping only
    model.operatorCodes[0].builtinCode, model.operatorCodes[0].deprecatedBuiltinCode = RELU_0_TO_1, 127
    return flatbuffer.write(model)


def _diagnosed(folder: Path, name: str, content: bytes) -> Diagnosis:
    path = folder / f"{name}.tflite"
    path.write_bytes(content)
    return diagnosis_of(path, contents_of(path))


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_gpu_delegate_refuses_is_named_with_its_reason(name: str, tmp_path: Path) -> None:
    found = _diagnosed(tmp_path, name, _content(name))
    assert {row.operation for row in found.refused} == set(REFUSED[name])
    assert all(REFUSED[name][row.operation] in row.reason for row in found.refused)


@pytest.mark.parametrize("target", ["tflite-fp16", "tflite-dynamic"])
def test_weights_that_are_unpacked_are_constants_to_the_delegate(target: str) -> None:
    path = exported().path(target)
    found = diagnosis_of(path, contents_of(path))
    assert not found.refused
    assert (found.parts, found.delegated) == (1, found.operations)


def test_an_operation_that_is_refused_cuts_the_graph_in_two(tmp_path: Path) -> None:
    found = _diagnosed(tmp_path, "between", _content("between"))
    assert [(row.operation, row.count) for row in found.refused] == [("GATHER_ND", 1)]
    assert found.parts == 2
    assert found.operations is not None
    assert found.delegated is not None
    assert 0 < found.delegated < found.operations - 1
    whole = _diagnosed(tmp_path, "conv", _content("conv"))
    assert (whole.parts, whole.delegated) == (1, whole.operations)


def test_upsampling_as_keras_3_writes_it_is_named(tmp_path: Path) -> None:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((1, SIZE, SIZE, 4), tf.float32)])
    def repeated(x: Any) -> Any:
        """What ``keras.layers.UpSampling2D`` of Keras 3 does on TensorFlow: each point again, axis by axis."""
        return tf.repeat(tf.repeat(x, 2, 1), 2, 2)

    content = tf.lite.TFLiteConverter.from_concrete_functions([repeated.get_concrete_function()]).convert()
    found = _diagnosed(tmp_path, "upsampled", content)
    assert any("Keras 3" in note and "RESHAPE" in note for note in found.notes), found.notes
    assert any("more than 4 axes" in note for note in found.notes), found.notes


def test_the_longest_sum_in_half_precision_is_counted(tmp_path: Path) -> None:
    found = _diagnosed(tmp_path, "mean", _content("mean"))
    assert (found.longest_sum, found.sums) == (SIZE * SIZE, "MEAN")
    path = exported().path("mlpackage-fp16")
    half = diagnosis_of(path, contents_of(path))
    assert half.accelerator == "Neural Engine"
    assert half.longest_sum
    assert "instance_norm" in half.sums
    old = exported().path("mlmodel-int8")
    assert diagnosis_of(old, contents_of(old)).longest_sum is None


def test_kernels_that_the_converter_leaves_in_float_are_counted_in_bytes(tmp_path: Path) -> None:
    """TensorFlow's dynamic range skips kernels under 1,024 values: this one has 144, and the other 2,304."""
    import tensorflow as tf

    kernels = [np.ones((3, 3, 4, 4), np.float32), np.ones((3, 3, 4, 64), np.float32)]

    @tf.function(input_signature=[tf.TensorSpec((1, SIZE, SIZE, 4), tf.float32)])
    def two(x: Any) -> Any:
        return tf.nn.conv2d(tf.nn.conv2d(x, kernels[0], 1, "SAME"), kernels[1], 1, "SAME")

    converter = tf.lite.TFLiteConverter.from_concrete_functions([two.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    content = converter.convert()
    path = tmp_path / "two-int8.tflite"
    path.write_bytes(content)
    found = diagnosis_of(path, contents_of(path))
    rows = {row.stored: row.parameters for row in contents_of(path).weights if row.convolution}
    assert rows == {"float32": 144, "int8": 2304}
    assert found.float_share == pytest.approx(144 * 4 / (144 * 4 + 2304), abs=0.1)
    assert len(found.failures) == 2  # a kernel in floats, and convolutions that compute in floats


@pytest.mark.parametrize("target", ["tflite-int8", "mlpackage-int8", "mlmodel-int8"])
def test_files_of_8_bits_are_what_they_are_called(target: str) -> None:
    path = exported().path(target)
    found = diagnosis_of(path, contents_of(path))
    assert not found.failures
    assert found.float_share < 1


def test_a_file_that_is_called_int8_and_is_not_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    false = tmp_path / "net-int8.tflite"
    shutil.copy(exported().path("tflite-fp16"), false)
    assert main(["inspect", str(false), "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["diagnosis"]["failures"]
    assert "is called int8" in told.err
    assert main(["inspect", str(false)]) == 1
    assert "FAILED" in capsys.readouterr().out
    true = tmp_path / "int8-fp16.tflite"  # the last word counts
    shutil.copy(exported().path("tflite-fp16"), true)
    assert main(["inspect", str(true)]) == 0
