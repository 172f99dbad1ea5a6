"""CoreMLModel and install(): images in and out, names and shapes, flexible sizes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export_pipeline.emulator import CoreMLModel, Port, install
from export_pipeline.emulator.coremltools_quietly import quiet
from export_pipeline.emulator.images import to_image
from export_pipeline.errors import EmulatorError
from tests.emulator.mil import ct, mb

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
RGB = Image.fromarray(PIXELS)


def image(name: str, channels: int, color: Any, low: float | None = 0, high: float | None = 255) -> Port:
    shape = (1, channels, 6, 8)
    return Port(name=name, kind="image", shape=shape, dtype="uint8", layout="NCHW", color=color, low=low, high=high)


def _image_model(save_program: Callable[..., Path], color: str = "RGB", gain: float = 1.0) -> Path:
    channels = 1 if color.startswith("GRAY") else 3
    layout = getattr(ct.colorlayout, color)
    # The first channel is shifted, so that a swapped order shows.
    offset = np.array([10, 0, 0][:channels], np.float32).reshape(1, channels, 1, 1)
    path = save_program(
        lambda x: mb.add(x=mb.mul(x=x, y=np.float32(gain)), y=offset, name="y"),
        [(1, channels, 6, 8)],
        inputs=[ct.ImageType("x", shape=(1, channels, 6, 8), color_layout=layout)],
    )
    # The converter makes image outputs from TensorFlow and PyTorch only.
    file = path / "Data/com.apple.CoreML/model.mlmodel"
    spec = ct.proto.Model_pb2.Model()
    spec.ParseFromString(file.read_bytes())
    spec.description.output[0].type.imageType.CopyFrom(spec.description.input[0].type.imageType)
    file.write_bytes(spec.SerializeToString())
    return path


def _shifted(channel: int) -> np.ndarray:
    wanted = PIXELS.astype(int)
    wanted[..., channel] += 10
    return np.clip(wanted, 0, 255)


@pytest.mark.parametrize(("color", "channel"), [("RGB", 0), ("BGR", 2)])
def test_color_images(color: str, channel: int, save_program: Callable[..., Path]) -> None:
    model = CoreMLModel(_image_model(save_program, color))
    assert model.inputs == [image("x", 3, color)]
    assert model.outputs == [image("y", 3, color)]
    found = model.predict({"x": RGB})["y"]
    assert (found.mode, found.size) == ("RGB", (8, 6))
    np.testing.assert_array_equal(np.asarray(found), _shifted(channel))


def test_gray_images(save_program: Callable[..., Path]) -> None:
    gray = RGB.convert("L")
    found = CoreMLModel(_image_model(save_program, "GRAYSCALE")).predict({"x": gray})["y"]
    assert found.mode == "L"
    np.testing.assert_array_equal(np.asarray(found), np.clip(np.asarray(gray).astype(int) + 10, 0, 255))


def test_half_precision_gray_images(save_program: Callable[..., Path]) -> None:
    path = _image_model(save_program, "GRAYSCALE_FLOAT16")
    model = CoreMLModel(path)
    assert model.inputs == [image("x", 1, "GRAYSCALE_FLOAT16", None, None)]
    pixels = np.random.default_rng(1).uniform(-3000, 3000, (6, 8)).astype(np.float32)
    found = model.predict({"x": Image.fromarray(pixels)})["y"]
    assert (found.mode, found.size) == ("F", (8, 6))
    expected = (pixels.astype(np.float16).astype(np.float32) + 10).astype(np.float16)
    np.testing.assert_array_equal(np.asarray(found), expected.astype(np.float32))


@pytest.mark.parametrize(
    ("color", "image", "words"),
    [
        ("RGB", RGB.convert("RGBA"), "mode 'RGB', not 'RGBA'"),
        ("BGR", RGB.convert("L"), r"mode 'RGB', not 'L'; image.convert\('RGB'\) makes one"),
        ("GRAYSCALE", RGB, "mode 'L', not 'RGB'"),
        ("GRAYSCALE", RGB.convert("F"), "mode 'L', not 'F'"),
        ("GRAYSCALE_FLOAT16", RGB.convert("L"), "mode 'F', not 'L'"),
        ("GRAYSCALE_FLOAT16", RGB.convert("F").resize((6, 8)), "takes an image of 1x1x6x8 .* 6 wide and 8 high"),
    ],
)
def test_images_of_another_mode_or_size(color: str, image: Any, words: str, save_program: Callable[..., Path]) -> None:
    with pytest.raises(EmulatorError, match=words):
        CoreMLModel(_image_model(save_program, color)).predict({"x": image})


@pytest.mark.parametrize("shape", [(1, 3, 6, 8), (2, 1, 6, 8), (6, 8)])
def test_an_output_of_other_channels_is_no_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(EmulatorError, match="not an image of 1 channels: its shape is"):
        to_image(np.zeros(shape, np.float32), image("y", 1, "GRAYSCALE"))


def test_images_are_rounded_to_nearest_even_and_clamped(save_program: Callable[..., Path]) -> None:
    model = CoreMLModel(_image_model(save_program, gain=1.5))
    raw = model.run({"x": PIXELS.transpose(2, 0, 1)[None].astype(np.float32)})["y"]
    assert raw.dtype == np.float32
    assert raw.max() > 255
    expected = np.rint(np.clip(raw[0].transpose(1, 2, 0), 0, 255))
    np.testing.assert_array_equal(np.asarray(model.predict({"x": RGB})["y"]), expected)


def test_not_a_number_is_no_image(save_program: Callable[..., Path]) -> None:
    with pytest.raises(EmulatorError, match="NaN"):
        CoreMLModel(_image_model(save_program, gain=float("nan"))).predict({"x": RGB})


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (RGB.resize((8, 7)), "8 wide and 7 high"),
        (RGB.convert("L"), "mode 'RGB', not 'L'"),
        (PIXELS, "takes a PIL image, not ndarray"),
    ],
)
def test_unfit_images(image: Any, words: str, save_program: Callable[..., Path]) -> None:
    with pytest.raises(EmulatorError, match=words):
        CoreMLModel(_image_model(save_program)).predict({"x": image})


def test_unfit_arrays(save_program: Callable[..., Path]) -> None:
    model = CoreMLModel(save_program(lambda x: mb.relu(x=x), [(2, 3)]), threads=1)
    for data, words in [
        ({}, "misses input 'x'"),
        ({"x": np.zeros((2, 3)), "z": 1}, "does not know input 'z'"),
        ({"x": np.zeros((3, 2))}, r"shape \(3, 2\); allowed: 2x3"),
        ({"x": ["a", "b"]}, "takes an array of float32, 2x3; not text"),
        ({"x": np.zeros((2, 3), complex)}, "takes an array of float32, 2x3; not complex numbers"),
        ({"x": [[1], [1, 2]]}, "takes an array of float32"),
        ({"x": 1.0}, "takes an array of float32, 2x3; not float"),
        ({"x": None}, "takes an array of float32, 2x3; not NoneType"),
        ({"x": np.float32(1)}, "takes an array of float32, 2x3"),
    ]:
        with pytest.raises(EmulatorError, match=words):
            model.predict(data)


def test_options(save_program: Callable[..., Path]) -> None:
    path = _image_model(save_program)
    with pytest.raises(EmulatorError, match="allowed: as_written, float32"):
        CoreMLModel(path, compute="int3")
    with pytest.raises(EmulatorError, match="threads=0"):
        CoreMLModel(path, threads=0)
    with pytest.raises(EmulatorError, match="threads='2'"):
        CoreMLModel(path, threads="2")  # type: ignore[arg-type]
    for limit in ("memory_limit", "loop_limit"):
        with pytest.raises(EmulatorError, match=f"{limit}=-1 is not possible"):
            CoreMLModel(path, **{limit: -1})  # type: ignore[arg-type]


def test_inputs_are_a_dictionary(save_program: Callable[..., Path]) -> None:
    model = CoreMLModel(save_program(lambda x: mb.relu(x=x), [(2, 3)]))
    for call in (model.predict, model.run, model.stress):
        with pytest.raises(EmulatorError, match="a dictionary of names and values, not as NoneType"):
            call(None)  # type: ignore[operator]


def test_flexible_sizes(save_program: Callable[..., Path]) -> None:
    shapes = ct.EnumeratedShapes([(1, 3, 6, 8), (1, 3, 10, 12)], default=(1, 3, 6, 8))
    weight = np.ones((1, 3, 3, 3), np.float32)
    program = mb.program(
        input_specs=[
            mb.TensorSpec((1, 3, ct.converters.mil.mil.get_new_symbol(), ct.converters.mil.mil.get_new_symbol()))
        ],
        opset_version=ct.target.iOS16,
    )(lambda x: mb.conv(x=x, weight=weight, strides=[2, 2], pad_type="same", name="y"))
    with quiet():
        converted = ct.convert(
            program, convert_to="mlprogram", minimum_deployment_target=ct.target.iOS16,
            inputs=[ct.TensorType("x", shape=shapes)], compute_precision=ct.precision.FLOAT32,
        )  # fmt: skip
    model = CoreMLModel.from_spec(converted.get_spec(), converted.weights_dir)
    assert model.run({"x": np.ones((1, 3, 6, 8))})["y"].shape == (1, 1, 3, 4)
    assert model.run({"x": np.ones((1, 3, 10, 12))})["y"].shape == (1, 1, 5, 6)
    with pytest.raises(EmulatorError, match="allowed: 1x3x6x8 or 1x3x10x12"):
        model.run({"x": np.ones((1, 3, 7, 7))})


def test_sizes_that_vary_together_need_not_fit_each_other_at_their_defaults() -> None:
    """Core ML Tools declares 1 where a size is open: a batch of one query for two keys, which no run would have."""
    batch, length, other = (ct.converters.mil.mil.get_new_symbol() for _ in range(3))
    program = mb.program(
        input_specs=[mb.TensorSpec((batch, length, 4)), mb.TensorSpec((2, other, 4)), mb.TensorSpec((2, other, 4))],
        opset_version=ct.target.iOS18,
    )(lambda query, key, value: mb.scaled_dot_product_attention(query=query, key=key, value=value, name="y"))
    with quiet():
        converted = ct.convert(
            program, convert_to="mlprogram", minimum_deployment_target=ct.target.iOS18,
            compute_precision=ct.precision.FLOAT32,
        )  # fmt: skip
    model = CoreMLModel.from_spec(converted.get_spec(), converted.weights_dir)
    query, key, value = np.random.default_rng(0).normal(size=(3, 2, 2, 4))
    weights = np.exp(query @ key.transpose(0, 2, 1) / 2)
    wanted = weights / weights.sum(-1, keepdims=True) @ value
    np.testing.assert_allclose(model.run({"query": query, "key": key, "value": value})["y"], wanted, atol=1e-5)
    for ask in (lambda: model.onnx_model, lambda: model.run({"query": query[:1], "key": key, "value": value})):
        with pytest.raises(EmulatorError, match="must have a same batch dimension"):
            ask()


@pytest.mark.parametrize(
    ("sizes", "runs"),
    [
        ((2, ct.RangeDim(1, 3)), True),
        ((ct.RangeDim(1, 6, default=3), ct.RangeDim(1, 3, default=2)), True),
        ((2, ct.RangeDim(1, 3, default=2)), False),
    ],
    ids=["no default", "two that vary", "a default"],
)
def test_an_open_size_need_not_fit_the_program_at_a_default_that_nobody_named(
    sizes: tuple[Any, ...], runs: bool
) -> None:
    """A product with a matrix of three rows, for an input whose second size is another by default."""
    symbols = [size if isinstance(size, int) else ct.converters.mil.mil.get_new_symbol() for size in sizes]
    program = mb.program(input_specs=[mb.TensorSpec(symbols)], opset_version=ct.target.iOS16)(
        lambda x: mb.matmul(x=x, y=np.float32([[1, 2], [3, 4], [5, 6]]), name="y")
    )
    with quiet():
        converted = ct.convert(
            program, convert_to="mlprogram", minimum_deployment_target=ct.target.iOS16,
            inputs=[ct.TensorType("x", shape=sizes)], compute_precision=ct.precision.FLOAT32,
        )  # fmt: skip
    opened = lambda: CoreMLModel.from_spec(converted.get_spec(), converted.weights_dir)  # noqa: E731
    if not runs:
        with pytest.raises(EmulatorError, match="are not broadcastable"):
            opened()
        return
    model = opened()
    np.testing.assert_allclose(model.run({"x": np.float32([[1, 1, 1], [0, 0, 2]])})["y"], [[9, 12], [10, 12]])
    with pytest.raises(EmulatorError, match="are not broadcastable"):
        model.run({"x": np.ones((2, 2), np.float32)})


def test_metadata(save_program: Callable[..., Path], tmp_path: Path) -> None:
    path = tmp_path / "named.mlpackage"
    model = ct.models.MLModel(str(_image_model(save_program)), skip_model_load=True)
    model.author, model.user_defined_metadata["style"] = "someone", "wave"
    model.save(str(path))
    found = CoreMLModel(path)
    assert found.metadata["author"] == "someone"
    assert found.metadata["style"] == "wave"
    assert found.spec_version == 7


@pytest.mark.usefixtures("installed")
def test_install(save_program: Callable[..., Path]) -> None:
    model_class = ct.models.MLModel
    path = _image_model(save_program)
    assert install() is (sys.platform != "darwin")
    patched = model_class.predict
    install()
    assert model_class.predict is patched
    with quiet():
        from_path = model_class(str(path))
        from_spec = model_class(from_path.get_spec(), weights_dir=from_path.weights_dir)
    for model in (from_path, from_spec):
        image = model.predict({"x": RGB})["y"]
        assert image.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(image), np.dstack([_shifted(0), np.full((6, 8), 255)]))
        with pytest.raises(TypeError, match="mode=='RGB'"):
            model.predict({"x": RGB.convert("L")})
        with pytest.raises(KeyError, match="does not match any of the model input name"):
            model.predict({"z": RGB})
        assert [list(found) for found in model.predict([{"x": RGB}] * 2)] == [["y"], ["y"]]


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself is there")
def test_importing_is_light_and_loading_is_silent(save_program: Callable[..., Path]) -> None:
    path = _image_model(save_program)
    script = (
        "import sys; import export_pipeline.emulator as e\n"
        "assert not {'coremltools', 'onnx', 'onnxruntime', 'tensorflow'} & set(sys.modules)\n"
        f"e.CoreMLModel({str(path)!r}); e.describe({str(path)!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_integers_are_never_cut_out_of_floats() -> None:
    with quiet():
        spec = mb.TensorSpec((2,), ct.converters.mil.mil.types.int32)
        program = mb.program(input_specs=[spec], opset_version=ct.target.iOS16)(lambda n: mb.add(x=n, y=1, name="y"))
        model = ct.convert(program, minimum_deployment_target=ct.target.iOS16)
    emulated = CoreMLModel.from_spec(model.get_spec(), model.weights_dir)
    for values, words in (([0.5, 1], "fractions"), ([np.inf, 1], "NaN or infinity"), ([2**40, 1], "numbers outside")):
        with pytest.raises(EmulatorError, match=f"input 'n' takes an array of int32, 2; not {words}"):
            emulated.run({"n": np.array(values)})
    np.testing.assert_array_equal(emulated.run({"n": np.array([3.0, -4.0])})["y"], [4, -3])
