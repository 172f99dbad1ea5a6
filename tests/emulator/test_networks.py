"""The older neural-network format: layers, quantized weights, shape mappings and preprocessing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel, describe, weights
from export_pipeline.emulator.coremltools_quietly import quiet
from tests.emulator import reference as ref
from tests.emulator.cases import C4, D4, WT, W, X
from tests.emulator.mil import ct

Build = Callable[[Any], None]


def _builder(shape: tuple[int, ...], exact: bool = True) -> Any:
    from coremltools.models import datatypes
    from coremltools.models.neural_network import NeuralNetworkBuilder

    return NeuralNetworkBuilder([("x", datatypes.Array(*shape))], [("y", None)], disable_rank5_shape_mapping=exact)


def _save(builder: Any, path: Path, bits: int | None = None, mode: str = "linear") -> Path:
    from coremltools.models.neural_network import quantization_utils

    spec = builder.spec
    if bits:
        with quiet():
            result = quantization_utils.quantize_weights(ct.models.MLModel(spec, skip_model_load=True), bits, mode)
        spec = result if not hasattr(result, "get_spec") else result.get_spec()
    path.write_bytes(spec.SerializeToString())
    return path


@dataclass(frozen=True)
class Layer:
    name: str
    build: Build
    expected: Callable[[np.ndarray], np.ndarray]
    x: np.ndarray = field(default_factory=lambda: X)


def _conv(b: Any, transposed: bool = False, border: str = "same", **more: Any) -> None:
    kernel = WT.transpose(2, 3, 0, 1) if transposed else W.transpose(2, 3, 1, 0)
    outputs = 3 if transposed else 6
    b.add_convolution(
        "c", 4, outputs, kernel.shape[0], kernel.shape[1], more.pop("sh", 2), more.pop("sw", 2), border, 1, kernel,
        None, False, is_deconv=transposed, input_name="x", output_name="y", **more,
    )  # fmt: skip


def _activation(kind: str, params: Any = None) -> Build:
    return lambda b: b.add_activation("a", kind, "x", "y", params)


def _unary(mode: str, **more: Any) -> Build:
    return lambda b: b.add_unary("u", "x", "y", mode, **more)


_SAME = ref.same_pads((7, 6), (3, 3), (2, 2))
_P = np.abs(X) + 0.1
_G, _B = C4.reshape(4, 1, 1), D4.reshape(4, 1, 1)
_MAX: Callable[..., float] = lambda window, _: float(window.max())  # noqa: E731
_MEAN: Callable[..., float] = lambda window, inside: float(window.sum() / inside)  # noqa: E731

_EIGHT = np.arange(-15, 15, dtype=np.int8)


def _constants(b: Any, **values: Any) -> None:
    for name, numbers in values.items():
        b.add_load_constant_nd(name, name, np.array(numbers, np.float32), (len(numbers),))


LAYERS = [
    Layer("convolution same", lambda b: _conv(b), lambda x: ref.conv2d(x, W, 0, (2, 2), _SAME)),
    Layer("convolution same, top heavy", lambda b: _conv(b, same_padding_asymmetry_mode="TOP_LEFT_HEAVY"),
          lambda x: ref.conv2d(x, W, 0, (2, 2), ref.same_pads((7, 6), (3, 3), (2, 2), lower=True))),
    Layer("convolution valid with padding", lambda b: _conv(b, border="valid", padding_top=1, padding_right=2),
          lambda x: ref.conv2d(x, W, 0, (2, 2), ((1, 0), (0, 2)))),
    Layer("convolution dilated", lambda b: _conv(b, border="valid", sh=1, sw=1, dilation_factors=[2, 1]),
          lambda x: ref.conv2d(x, W, 0, (1, 1), dilations=(2, 1))),
    Layer("deconvolution same", lambda b: _conv(b, True),
         lambda x: ref.conv_transpose2d(x, WT, (2, 2), (1, 0), (14, 12))),
    Layer("deconvolution valid", lambda b: _conv(b, True, "valid"),
          lambda x: ref.conv_transpose2d(x, WT, (2, 2), (0, 0), (16, 13))),
    Layer("deconvolution output shape", lambda b: _conv(b, True, output_shape=(13, 12)),
          lambda x: ref.conv_transpose2d(x, WT, (2, 2), (1, 0), (13, 12))),
    Layer("batchnorm", lambda b: b.add_batchnorm("n", 4, C4, D4, D4, C4, "x", "y", epsilon=1e-3),
          lambda x: (x - _B) / np.sqrt(_G + 1e-3) * _G + _B),
    Layer("batchnorm, instance", lambda b: b.add_batchnorm("n", 4, C4, D4, None, None, "x", "y", compute_mean_var=True,
          instance_normalization=True, epsilon=1e-2), lambda x: ref.standardize(x, (2, 3), 1e-2) * _G + _B),
    Layer("mvn", lambda b: b.add_mvn("n", "x", "y", False, True, 1e-3), lambda x: ref.standardize(x, (2, 3), 1e-3)),
    Layer("l2normalize", lambda b: b.add_l2_normalize("n", "x", "y", 1e-3),
          lambda x: x / np.sqrt((x**2).sum((1, 2, 3), keepdims=True) + 1e-3)),
    Layer("relu", _activation("RELU"), lambda x: np.maximum(x, 0)),
    Layer("leaky relu", _activation("LEAKYRELU", [0.3]), lambda x: np.where(x < 0, 0.3 * x, x)),
    Layer("prelu", _activation("PRELU", C4), lambda x: np.where(x < 0, _G * x, x)),
    Layer("elu", _activation("ELU", 0.7), lambda x: np.where(x < 0, 0.7 * np.expm1(x), x)),
    Layer("tanh", _activation("TANH"), np.tanh),
    Layer("scaled tanh", _activation("SCALED_TANH", [2.0, 0.5]), lambda x: 2 * np.tanh(x / 2)),
    Layer("sigmoid", _activation("SIGMOID"), lambda x: 1 / (1 + np.exp(-x))),
    Layer("hard sigmoid", _activation("SIGMOID_HARD", [0.2, 0.5]), lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    Layer("linear", _activation("LINEAR", [2.0, 3.0]), lambda x: 2 * x + 3),
    Layer("softplus", _activation("SOFTPLUS"), lambda x: np.log1p(np.exp(x))),
    Layer("softsign", _activation("SOFTSIGN"), lambda x: x / (1 + np.abs(x))),
    Layer("thresholded relu", _activation("THRESHOLDEDRELU", 0.5), lambda x: np.where(x >= 0.5, x, 0)),
    Layer("parametric softplus", _activation("PARAMETRICSOFTPLUS", [C4, D4]),
          lambda x: _G * np.log1p(np.exp(_B * x))),
    Layer("sqrt", _unary("sqrt"), np.sqrt, _P),
    Layer("rsqrt, scaled and shifted", _unary("rsqrt", scale=2.0, shift=1.0, epsilon=1e-3),
          lambda x: 1 / np.sqrt(2 * x + 1 + 1e-3), _P),
    Layer("inverse", _unary("inverse", epsilon=1e-3), lambda x: 1 / (x + 1e-3), _P),
    Layer("power", _unary("power", alpha=1.5), lambda x: x**1.5, _P),
    Layer("exp", _unary("exp"), np.exp), Layer("log", _unary("log"), np.log, _P), Layer("abs", _unary("abs"), np.abs),
    Layer("threshold", _unary("threshold", alpha=0.25), lambda x: np.maximum(x, 0.25)),
    Layer("add a number", lambda b: b.add_elementwise("e", ["x"], "y", "ADD", 1.5), lambda x: x + 1.5),
    Layer("multiply inputs", lambda b: b.add_elementwise("e", ["x", "x"], "y", "MULTIPLY"), lambda x: x * x),
    Layer("average", lambda b: b.add_elementwise("e", ["x", "x"], "y", "AVE"), lambda x: x),
    Layer("scale and bias", lambda b: b.add_scale("s", C4, D4, True, "x", "y", [4], [4]), lambda x: x * _G + _B),
    Layer("bias", lambda b: b.add_bias("s", D4, "x", "y", [4]), lambda x: x + _B),
    Layer("load constant and broadcast", lambda b: (b.add_load_constant_nd("k", "k", _G[None], (1, 4, 1, 1)),
          b.add_subtract_broadcastable("s", ["x", "k"], "y")), lambda x: x - _G),
    Layer("upsample", lambda b: b.add_upsample("u", 2, 3, "x", "y"), lambda x: x.repeat(2, 2).repeat(3, 3)),
    Layer("upsample bilinear", lambda b: b.add_upsample("u", 2, 2, "x", "y", "BILINEAR"),
          lambda x: ref.sample(x, np.clip(np.arange(14) / 2, 0, 6), np.clip(np.arange(12) / 2, 0, 5))),
    Layer("upsample bilinear, centres", lambda b: b.add_upsample("u", 2, 2, "x", "y",
         "BILINEAR", "ALIGN_CORNERS_FALSE"),
          lambda x: ref.sample(x, np.clip(np.arange(14) / 2 - 0.25, 0, 6), np.clip(np.arange(12) / 2 - 0.25, 0, 5))),
    Layer("resize bilinear", lambda b: b.add_resize_bilinear("u", "x", "y", 13, 11, "ALIGN_ENDPOINTS_MODE"),
          lambda x: ref.sample(x, np.arange(13) / 2, np.arange(11) / 2)),
    Layer("padding, reflection", lambda b: b.add_padding("p", 1, 2, 3, 0, 0, "x", "y", "reflection"),
          lambda x: np.pad(x, [(0, 0), (0, 0), (3, 0), (1, 2)], mode="reflect")),
    Layer("padding, constant", lambda b: b.add_padding("p", 1, 0, 0, 2, 1.5, "x", "y"),
          lambda x: np.pad(x, [(0, 0), (0, 0), (0, 2), (1, 0)], constant_values=1.5)),
    Layer("constant pad", lambda b: b.add_constant_pad("p", ["x"], "y", 2.0, pad_to_given_output_size_mode=False,
          pad_amounts=[0, 0, 0, 1, 0, 0, 2, 0]),
          lambda x: np.pad(x, [(0, 0), (0, 1), (0, 0), (2, 0)], constant_values=2)),
    Layer("crop", lambda b: b.add_crop("p", 1, 2, 0, 3, 0, ["x"], "y"), lambda x: x[:, :, 0:4, 1:4]),
    Layer("max pool", lambda b: b.add_pooling("p", 3, 2, 2, 2, "MAX", "VALID", "x", "y"),
          lambda x: ref.pool2d(x, (3, 2), (2, 2), ((0, 0), (0, 0)), _MAX, (3, 3), 0)),
    Layer("average pool, excluding", lambda b: b.add_pooling("p", 3, 2, 2, 2, "AVERAGE", "SAME", "x", "y", True),
          lambda x: ref.pool2d(x, (3, 2), (2, 2), ref.same_pads((7, 6), (3, 2), (2, 2)), _MEAN, (4, 3), 0)),
    Layer("global average pool", lambda b: b.add_pooling("p", 0, 0, 1, 1, "AVERAGE", "VALID", "x", "y", is_global=True),
          lambda x: x.mean((2, 3), keepdims=True)),
    Layer("inner product", lambda b: b.add_inner_product("i", np.ones((5, 168)), np.arange(5), 168, 5, True, "x", "y"),
          lambda x: (x.sum() + np.arange(5)).reshape(1, 5, 1, 1)),
    Layer("softmax", lambda b: b.add_softmax("s", "x", "y"), lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)),
    Layer("concat", lambda b: b.add_elementwise("e", ["x", "x"], "y", "CONCAT"), lambda x: np.concatenate([x, x], 1)),
    Layer("concat nd", lambda b: b.add_concat_nd("e", ["x", "x"], "y", -1), lambda x: np.concatenate([x, x], -1)),
    Layer("split", lambda b: (b.add_split("s", "x", ["a", "b"]), b.add_subtract_broadcastable("d", ["a", "b"], "y")),
          lambda x: x[:, :2] - x[:, 2:]),
    Layer("transpose", lambda b: b.add_transpose("t", (0, 2, 3, 1), "x", "y"), lambda x: x.transpose(0, 2, 3, 1)),
    Layer("reshape static", lambda b: b.add_reshape_static("r", "x", "y", (1, 84, 2)), lambda x: x.reshape(1, 84, 2)),
    Layer("slice static", lambda b: b.add_slice_static("s", "x", "y", [0, 1, 0, -1], [0, 3, 0, 0], [1, 1, 2, 1],
          [True, False, True, False], [True, False, True, False], [False, False, False, True]),
          lambda x: x[:, 1:3, ::2, -1]),
    Layer("slice dynamic, to a shape", lambda b: (b.add_load_constant_nd("k", "k", np.array([0, 1, 2, 0]), (4,)),
          b.add_get_shape("s", "x", "s"), b.add_slice_dynamic("d", ["x", "k", "s"], "z", strides=[1, 1, 1, 1],
          begin_masks=[False] * 4, end_masks=[False] * 4), b.add_padding("p", 1, 1, 0, 0, 0, "z", "y", "reflection")),
          lambda x: np.pad(x[:, 1:, 2:], [(0, 0), (0, 0), (0, 0), (1, 1)], mode="reflect")),
    Layer("slice dynamic, all of it inputs", lambda b: (_constants(b, begin=[0, 1, 5, 2], end=[0, 3, 1, 0],
          stride=[1, 1, -2, 1], open=[1, 0, 0, 0], shut=[1, 0, 0, 0], squeeze=[0, 0, 0, 1]),
          b.add_slice_dynamic("d", ["x", "begin", "end", "stride", "open", "shut", "squeeze"], "y")),
          lambda x: x[:, 1:3, 5:1:-2, 2]),
    Layer("slice dynamic, end and stride as fields", lambda b: (_constants(b, begin=[0, 1, -5, 2]),
          b.add_slice_dynamic("d", ["x", "begin"], "y", end_ids=[1, 4, -1, 0], strides=[1, 2, 1, 1],
          squeeze_masks=[True, False, False, False], end_masks=[False, False, False, True])),
          lambda x: x[0, 1:4:2, -5:-1, 2:]),
    Layer("slice by size", lambda b: (_constants(b, begin=[-4]),
          b.add_slice_by_size("d", ["x", "begin"], "y", axis=2, size=3)), lambda x: x[:, :, 3:6]),
    Layer("constant pad, to sizes", lambda b: b.add_constant_pad("p", ["x"], "y", 2.0,
          pad_to_given_output_size_mode=True, pad_amounts=[0, 0, 6, 0, 0, 9, 0, 3]),
          lambda x: np.pad(x, [(0, 0), (2, 0), (0, 2), (0, 0)], constant_values=2)),
    Layer("constant pad, by an input", lambda b: (_constants(b, amounts=[0, 1, 0, 0, 2, 0, 0, 3]),
          b.add_constant_pad("p", ["x", "amounts"], "y", -1.0)),
          lambda x: np.pad(x, [(0, 1), (0, 0), (2, 0), (0, 3)], constant_values=-1)),
    Layer("convolution with an input for weights", lambda b: (b.add_load_constant_nd("k", "k", W, W.shape),
          b.add_convolution("c", 4, 6, 3, 3, 2, 2, "same", 1, None, None, False, input_name=["x", "k"],
          output_name="y")), lambda x: ref.conv2d(x, W, 0, (2, 2), _SAME)),
    Layer("inner product in eight bits", lambda b: b.add_inner_product("i", _EIGHT.tobytes(), None, 6, 5, False,
          "x", "y", int_8_dynamic_quantize=True, is_quantized_weight=True, quantization_type="linear", nbits=8,
          quant_scale=np.array([0.5])), lambda x: np.rint(x * 127 / np.abs(x).max()) * np.abs(x).max() / 127
          @ (0.5 * _EIGHT.reshape(5, 6)).T, X[0, 0]),
    Layer("split nd, unevenly", lambda b: (b.add_split_nd("s", "x", ["a", "b"], 2, 2),
          b.add_concat_nd("c", ["b", "a"], "y", 2)), lambda x: np.concatenate([x[:, :, 4:], x[:, :, :4]], 2)),
    Layer("gather nd of one value", lambda b: (_constants(b, place=[0, 1, 2, 3]),
          b.add_gather_nd("g", ["x", "place"], "y")), lambda x: x[0, 1, 2, 3:4]),
    Layer("matmul of vectors", lambda b: b.add_batched_mat_mul("m", ["x", "x"], "y"),
          lambda x: (x @ x).reshape(1, 1), X[0, 0, 0]),
    Layer("depth to space", lambda b: b.add_reorganize_data("r", "x", "y", "DEPTH_TO_SPACE", 2),
          lambda x: x.reshape(1, 2, 2, 1, 7, 6).transpose(0, 3, 4, 1, 5, 2).reshape(1, 1, 14, 12)),
    Layer("reduce mean", lambda b: b.add_reduce_mean("r", "x", "y", [2, 3], True),
         lambda x: x.mean((2, 3), keepdims=True)),
    Layer("older reduce", lambda b: b.add_reduce("r", "x", "y", "HW", "avg"), lambda x: x.mean((2, 3), keepdims=True)),
    Layer("clip", lambda b: b.add_clip("c", "x", "y", -0.5, 0.5), lambda x: np.clip(x, -0.5, 0.5)),
    Layer("where", lambda b: (b.add_greater_than("g", ["x"], "g", alpha=0.5),
          b.add_where_broadcastable("w", ["g", "x", "g"], "y")), lambda x: np.where(x > 0.5, x, 0)),
    Layer("matmul", lambda b: b.add_batched_mat_mul("m", ["x", "x"], "y", transpose_b=True),
          lambda x: x @ x.swapaxes(-1, -2)),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_layer(layer: Layer, tmp_path: Path) -> None:
    builder = _builder(layer.x.shape)
    layer.build(builder)
    found = CoreMLModel(_save(builder, tmp_path / "m.mlmodel")).run({"x": layer.x})["y"]
    expected = layer.expected(layer.x.astype(np.float64))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-4 * max(1.0, float(np.abs(expected).max())))


@pytest.mark.parametrize(
    ("bits", "mode", "stored"),
    [(16, "linear", "float16"), (8, "linear", "uint8-affine"), (5, "linear", "uint5-affine"),
     (1, "linear", "uint1-affine"),
     (8, "linear_symmetric", "uint8-affine"), (4, "linear_lut", "lut-4bit")],
)  # fmt: skip
def test_quantized_weights(bits: int, mode: str, stored: str, tmp_path: Path, capfd: Any) -> None:
    from coremltools.models.neural_network import quantization_utils

    builder = _builder(X.shape)
    _conv(builder)
    path = _save(builder, tmp_path / "m.mlmodel", bits, mode)
    (info,) = weights(path).values()
    assert (info.dtype_stored, info.bits, info.shape) == (stored, bits, W.shape)
    spec = ct.proto.Model_pb2.Model()
    spec.ParseFromString(path.read_bytes())
    params = spec.neuralNetwork.layers[0].convolution.weights
    if bits < 16:
        quantization_utils._dequantize_wp(params, list(W.shape))
        np.testing.assert_allclose(info.values.ravel(), params.floatValue, rtol=1e-5, atol=1e-6)
    found = CoreMLModel(path).run({"x": X})["y"]
    np.testing.assert_allclose(found, ref.conv2d(X, info.values, 0, (2, 2), _SAME), atol=1e-4)


def test_quantized_deconvolution_scales_run_along_its_outputs(tmp_path: Path) -> None:
    builder = _builder(X.shape)
    _conv(builder, True)
    path = _save(builder, tmp_path / "m.mlmodel", 8)
    (info,) = weights(path).values()
    assert np.abs(info.values - WT).max() < 0.01
    found = CoreMLModel(path).run({"x": X})["y"]
    np.testing.assert_allclose(found, ref.conv_transpose2d(X, info.values, (2, 2), (1, 0), (14, 12)), atol=1e-4)


def test_rank_five_mapping(tmp_path: Path) -> None:
    builder = _builder((4, 7, 6), exact=False)
    _conv(builder)
    found = CoreMLModel(_save(builder, tmp_path / "m.mlmodel")).run({"x": X[0]})["y"]
    np.testing.assert_allclose(found.reshape(1, 6, 4, 3), ref.conv2d(X, W, 0, (2, 2), _SAME), atol=1e-4)


@pytest.mark.parametrize("bgr", [False, True])
def test_preprocessing(bgr: bool, tmp_path: Path) -> None:
    from PIL import Image

    builder = _builder((3, 4, 5), exact=False)
    builder.add_activation("a", "LINEAR", "x", "y", [1.0, 0.0])
    builder.set_pre_processing_parameters(
        image_input_names=["x"], is_bgr=bgr, red_bias=1, green_bias=2, blue_bias=3, image_scale=0.5
    )
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    model = CoreMLModel(_save(builder, tmp_path / "m.mlmodel"))
    assert (model.inputs[0].kind, model.inputs[0].color) == ("image", "BGR" if bgr else "RGB")
    found = model.predict({"x": Image.fromarray(pixels)})["y"].reshape(3, 4, 5)
    expected = pixels.transpose(2, 0, 1) * 0.5 + np.array([1, 2, 3]).reshape(3, 1, 1)
    np.testing.assert_allclose(found, expected[::-1] if bgr else expected, atol=1e-5)


def test_describe(tmp_path: Path) -> None:
    builder = _builder(X.shape)
    _conv(builder)
    found = describe(_save(builder, tmp_path / "m.mlmodel", 8))
    assert found["operations"] == {"convolution": 1}
    assert found["multiply_accumulates"] == 6 * 4 * 3 * 4 * 9
    assert found["weight_bytes"] == W.size + 2 * 4 * 6
