"""What reaches an output without an operation, scalars, truth values, and paddings that transposes surround."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from export_pipeline.emulator import CoreMLModel
from tests.emulator.mil import ct, mb

X = np.array([1, -2, 3], np.float32)
CONSTANT = np.array([0, 1, 2], np.float32)


def converted(function: Callable[..., Any], inputs: dict[str, Any], to: str = "mlprogram") -> CoreMLModel:
    """*function* of MIL as a model; names are the converter's own."""
    specs = [mb.TensorSpec(shape=shape, **named) for shape, named in inputs.values()]
    program = mb.program(input_specs=specs, opset_version=ct.target.iOS15)(function)
    options = {"compute_precision": ct.precision.FLOAT32} if to == "mlprogram" else {}
    model = ct.convert(program, convert_to=to, skip_model_load=True, **options)
    return CoreMLModel.from_spec(model.get_spec(), model.weights_dir)


@pytest.mark.parametrize("to", ["mlprogram", "neuralnetwork"])
def test_an_output_may_be_an_input(to: str) -> None:
    assert {name: list(value) for name, value in converted(lambda x: x, spec(3), to).run({"x": X}).items()} == {
        "x": list(X)
    }


def test_an_input_may_be_one_output_of_several() -> None:
    found = list(converted(lambda x: (x, mb.relu(x=x)), spec(3)).run({"x": X}).values())
    np.testing.assert_array_equal(found, [X, np.maximum(X, 0)])


@pytest.mark.parametrize("name", ["k", "const_1", "x_0"])
def test_an_output_may_be_a_constant_of_any_name(name: str) -> None:
    found = converted(lambda x: mb.const(val=CONSTANT, name=name), spec(3)).run({"x": X})
    assert {key: list(value) for key, value in found.items()} == {name: list(CONSTANT)}


def test_a_scalar_is_given_as_a_vector_of_one_element() -> None:
    (found,) = converted(lambda x: mb.reduce_sum(x=x, axes=[0], keep_dims=False), spec(3)).run({"x": X}).values()
    assert found.shape == (1,)
    assert found[0] == X.sum()


def test_scalars_that_depend_on_data_are_joined() -> None:
    def filled(x: Any) -> Any:
        sizes = [mb.slice_by_index(x=x, begin=[n], end=[n + 1], squeeze_mask=[True]) for n in (0, 1)]
        return mb.fill(shape=mb.concat(values=sizes, axis=0), value=3.5)

    (found,) = (
        converted(filled, spec(2, dtype=ct.converters.mil.mil.types.int32))
        .run({"x": np.array([2, 3], np.int32)})
        .values()
    )
    np.testing.assert_array_equal(found, np.full((2, 3), 3.5, np.float32))


NOISE = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
TRUTHS: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "select": (
        lambda x: mb.select(cond=mb.greater(x=x, y=0.0), a=mb.less(x=x, y=0.5), b=mb.greater(x=x, y=-0.5)),
        np.where(NOISE > 0, NOISE < 0.5, NOISE > -0.5),
    ),
    "band_part": (lambda x: mb.band_part(x=mb.greater(x=x, y=0.0), lower=-1, upper=0), np.tril(NOISE > 0)),
    "reverse": (lambda x: mb.reverse(x=mb.greater(x=x, y=0.0), axes=[1]), (NOISE > 0)[:, ::-1]),
    "tile": (lambda x: mb.tile(x=mb.greater(x=x, y=0.0), reps=[1, 2]), np.tile(NOISE > 0, 2)),
    "concat": (
        lambda x: mb.concat(values=[mb.greater(x=x, y=0.0), mb.less(x=x, y=1.0)], axis=0),
        np.concatenate([NOISE > 0, NOISE < 1]),
    ),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_truth_values_go_where_numbers_go(name: str) -> None:
    build, wanted = TRUTHS[name]
    (found,) = converted(lambda x: mb.cast(x=build(x), dtype="fp32"), spec(3, 4)).run({"x": NOISE}).values()
    np.testing.assert_array_equal(found, wanted.astype(np.float32))


@pytest.mark.parametrize("mode", ["constant", "reflection", "replication"])
def test_a_padding_between_transposes(mode: str, tmp_path: Path) -> None:
    """ONNX Runtime moves the transposes together, through a padding that it does not understand."""
    from coremltools.models import datatypes
    from coremltools.models.neural_network import NeuralNetworkBuilder

    builder = NeuralNetworkBuilder(
        [("x", datatypes.Array(1, 5, 6, 2))], [("y", None)], disable_rank5_shape_mapping=True
    )
    builder.add_transpose("a", axes=[0, 3, 1, 2], input_name="x", output_name="a")
    builder.add_padding("b", 1, 3, 2, 0, input_name="a", output_name="b", padding_type=mode)
    builder.add_transpose("c", axes=[0, 2, 3, 1], input_name="b", output_name="y")
    x = np.random.default_rng(0).random((1, 5, 6, 2)).astype(np.float32)
    (found,) = CoreMLModel.from_spec(builder.spec).run({"x": x}).values()
    names = {"constant": "constant", "reflection": "reflect", "replication": "edge"}
    sides: Any = ((0, 0), (2, 0), (1, 3), (0, 0))
    wanted = [np.pad(x, order, mode=names[mode]) for order in (sides, ((0, 0), (1, 3), (2, 0), (0, 0)))]
    assert any(found.shape == one.shape and np.array_equal(found, one) for one in wanted)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (2, 3)])
def test_a_deconvolution_spreads_by_its_dilation(stride: int, dilation: int) -> None:
    from coremltools.models import datatypes
    from coremltools.models.neural_network import NeuralNetworkBuilder

    random = np.random.default_rng(0)
    x, kernel = random.random((2, 4, 5)).astype(np.float32), random.random((2, 3, 3, 3)).astype(np.float32)
    builder = NeuralNetworkBuilder(
        [("x", datatypes.Array(1, 2, 4, 5))], [("y", None)], disable_rank5_shape_mapping=True
    )
    builder.add_convolution(
        "d", 2, 3, 3, 3, stride, stride, "valid", 1, kernel.transpose(2, 3, 0, 1), None, False,
        is_deconv=True, input_name="x", output_name="y", dilation_factors=[dilation, dilation],
    )  # fmt: skip
    reach = 2 * dilation + 1
    wanted = np.zeros((3, 3 * stride + reach, 4 * stride + reach))
    for row, column, down, right in np.ndindex(4, 5, 3, 3):
        at = row * stride + down * dilation, column * stride + right * dilation
        wanted[:, at[0], at[1]] += np.tensordot(x[:, row, column], kernel[:, :, down, right], 1)
    (found,) = CoreMLModel.from_spec(builder.spec).run({"x": x[None]}).values()
    np.testing.assert_allclose(found[0], wanted, atol=1e-5)


@pytest.mark.parametrize("size", range(1, 12))
def test_the_nearest_neighbour_is_that_of_tensorflow(size: int) -> None:
    line = np.arange(size, dtype=np.float32).reshape(1, 1, 1, size)
    for count in (1, 2, 3, 5, 8, 13, 21):
        resize = partial(mb.resize_nearest_neighbor, target_size_height=1, target_size_width=count)
        (found,) = converted(lambda x: resize(x=x), spec(1, 1, 1, size)).run({"x": line}).values()  # noqa: B023 - built at once
        wanted = tf.image.resize(line.transpose(0, 2, 3, 1), (1, count), method="nearest").numpy().ravel()
        np.testing.assert_array_equal(found.ravel(), wanted, err_msg=f"{size} to {count}")


def spec(*shape: int, **named: Any) -> dict[str, Any]:
    """The one input ``x`` of *shape*."""
    return {"x": (shape, named)}
