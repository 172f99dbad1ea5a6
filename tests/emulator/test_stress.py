"""Stress mode: sums in half precision, and the report of what overflows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_pipeline.emulator import CoreMLModel
from export_pipeline.emulator.arrays.half_nodes import NODES
from export_pipeline.emulator.arrays.halves import NEIGHBOURS, Halves, half
from tests.emulator.cases import Case
from tests.emulator.mil import ct, mb
from tests.emulator.test_operations import CASES

ADDING_UP = (
    "conv", "matmul", "einsum", "norm", "reduce", "pool", "softmax", "cumsum", "attention",
)  # fmt: skip


def _adds_up(case: Case) -> bool:
    words = case.name.replace(",", "").split()
    return case.half and "large" not in words and any(stem in words[0] for stem in ADDING_UP)


def _instance_norm(x: Any) -> Any:
    return mb.instance_norm(x=x, epsilon=np.float32(1e-3), name="norm")


def _naive_norm(x: Any) -> Any:
    centred = mb.sub(x=x, y=mb.reduce_mean(x=x, axes=[2, 3], keep_dims=True, name="mean"), name="centred")
    variance = mb.reduce_mean(x=mb.square(x=centred, name="square"), axes=[2, 3], keep_dims=True, name="variance")
    return mb.mul(x=centred, y=mb.rsqrt(x=variance, epsilon=np.float32(1e-3)), name="norm")


def _photo(height: int, width: int, peak: float) -> np.ndarray:
    return np.random.default_rng(0).uniform(-peak, peak, (1, 1, height, width)).astype(np.float32)


@pytest.mark.parametrize("build", [_instance_norm, _naive_norm])
def test_norm_of_a_photograph_overflows_where_its_squares_are_added_up(
    build: Any, save_program: Callable[..., Path]
) -> None:
    x = _photo(640, 480, 127)
    model = CoreMLModel(save_program(build, [x.shape], half=True))
    report = model.stress({"x": x})
    (found,) = report.overflows
    assert (found.operation, found.place, found.becomes) == (
        "instance_norm" if build is _instance_norm else "reduce_mean", "accumulation", "inf",
    )  # fmt: skip
    squares = float(np.square(x.astype(np.float64)).sum())
    assert found.largest == pytest.approx(squares, rel=1e-3)
    assert found.share == 1
    assert not report.outputs["norm"].any()  # everything over an infinite deviation
    assert "accumulation" in report.text()
    healed = model.stress({"x": x}, heal=True)
    assert [o.tensor for o in healed.overflows] == [o.tensor for o in report.overflows]
    np.testing.assert_allclose(healed.outputs["norm"], model.run({"x": x})["norm"], atol=4e-3)


@pytest.mark.parametrize("build", [_instance_norm, _naive_norm])
def test_norm_of_small_values_stays_whole(build: Any, save_program: Callable[..., Path]) -> None:
    x = _photo(64, 48, 2)
    model = CoreMLModel(save_program(build, [x.shape], half=True))
    report = model.stress({"x": x})
    assert report.overflows == ()
    assert report.text() == f"no overflow in {report.halves} operations in half precision"
    np.testing.assert_allclose(report.outputs["norm"], model.run({"x": x})["norm"], atol=2e-2)


def test_infinite_values_are_followed_to_where_they_become_no_number(save_program: Callable[..., Path]) -> None:
    def build(x: Any) -> Any:
        large = mb.square(x=x, name="large")
        return mb.sub(x=mb.relu(x=large), y=mb.mul(x=large, y=np.float32(0.5), name="m"), name="lost")

    path = save_program(build, [(1, 4)], half=True)
    x = np.array([[1, 2, 300, 3]], np.float32)
    report = CoreMLModel(path).stress({"x": x})
    assert [(o.tensor.split("_")[0], o.becomes, o.share) for o in report.overflows] == [
        ("large", "inf", 0.25), ("lost", "nan", 0.25),
    ]  # fmt: skip
    assert report.overflows[0].largest == 90000
    assert np.isnan(next(iter(report.outputs.values()))[0, 2])


def test_float32_is_left_alone_unless_everything_is_stressed(save_program: Callable[..., Path]) -> None:
    path = save_program(lambda x: mb.square(x=x), [(1, 2)])
    x = np.full((1, 2), 300, np.float32)
    report = CoreMLModel(path).stress({"x": x})
    assert report.text() == "no operation is in half precision"
    assert np.isfinite(next(iter(report.outputs.values()))).all()
    assert [o.operation for o in CoreMLModel(path).stress({"x": x}, everything=True).overflows] == ["square"]


def test_a_sum_that_comes_back_into_range_is_lost_on_the_way(save_program: Callable[..., Path]) -> None:
    weight = np.array([200, 200, -200], np.float32).reshape(1, 3, 1, 1)
    path = save_program(lambda x: mb.conv(x=x, weight=weight, name="y"), [(1, 3, 2, 2)], half=True)
    x = np.full((1, 3, 2, 2), 200, np.float32)
    model = CoreMLModel(path)
    (found,) = model.stress({"x": x}).overflows
    assert (found.operation, found.place, found.becomes, found.largest) == ("conv", "accumulation", "inf", 80000)
    np.testing.assert_array_equal(model.run({"x": x})["y"], 40000)


def test_loops_networks_and_images(save_program: Callable[..., Path], tmp_path: Path) -> None:
    from PIL import Image

    path = save_program(
        lambda x: mb.while_loop(_cond=lambda v: mb.less(x=mb.reduce_max(x=v, axes=[0]), y=np.float32(6e4)),
                                _body=lambda v: mb.mul(x=v, y=np.float32(40), name="grow"), loop_vars=(x,)),
        [(2,)], half=True,
    )  # fmt: skip
    (found,) = CoreMLModel(path).stress({"x": np.full(2, 2)}).overflows
    assert (found.operation, found.largest) == ("mul", 128000)

    builder = ct.models.neural_network.NeuralNetworkBuilder(
        [("x", ct.models.datatypes.Array(3, 320, 300))], [("y", None)]
    )
    builder.add_reduce("mean", "x", "y", "HW", "avg")
    builder.set_pre_processing_parameters(image_input_names=["x"])
    saved = tmp_path / "m.mlmodel"
    saved.write_bytes(builder.spec.SerializeToString())
    report = CoreMLModel(saved).stress({"x": Image.new("RGB", (300, 320), (255, 10, 0))})
    (found,) = report.overflows
    assert (found.operation, found.becomes) == ("reduce", "inf")
    assert found.share == pytest.approx(2 / 3)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES if _adds_up(case)])
def test_small_sums_come_out_as_they_are_written(case: Case, save_program: Callable[..., Path]) -> None:
    path = save_program(case.build, [array.shape for array in case.inputs], True, case.target)
    model = CoreMLModel(path)
    inputs = dict(zip([feature.name for feature in model.inputs], case.inputs, strict=True))
    report = model.stress(inputs)
    assert report.overflows == ()
    for name, wanted in model.run(inputs).items():
        scale = max(float(np.abs(wanted).max()), 1.0)
        np.testing.assert_allclose(report.outputs[name], wanted, atol=2e-2 * scale, rtol=0)


def test_recurrent_layers_are_named_as_not_modelled(save_program: Callable[..., Path]) -> None:
    zeros, ones = np.zeros((1, 2), np.float32), np.ones((8, 2), np.float32)
    path = save_program(
        lambda x: mb.lstm(x=x, initial_h=zeros, initial_c=zeros, weight_ih=ones, weight_hh=ones)[0],
        [(3, 1, 2)],
    )  # fmt: skip
    report = CoreMLModel(path).stress({"x": np.ones((3, 1, 2))}, everything=True)
    assert report.wide == ("lstm",)
    assert "lstm" in report.text()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.floats(0.01, 60000))
def test_a_sum_is_rounded_at_every_step(seed: int, size: int, peak: float) -> None:
    x = half(np.random.default_rng(seed).uniform(-peak, peak, (2, size)))
    lost: list[float] = []
    found = Halves(lambda largest, _: lost.append(largest)).sum(x, [1])
    for row, result in zip(x, found, strict=True):
        total = np.float16(0)
        for first in range(0, size, NEIGHBOURS):
            part = row[first : first + NEIGHBOURS].sum()  # in float32, as an adder tree has it
            with np.errstate(over="ignore", invalid="ignore"):
                total = np.float16(total + np.float16(part))
        np.testing.assert_array_equal(result[0], np.float32(total))
    assert bool(lost) == (not np.isfinite(found).all())


def test_every_way_to_add_up_is_known() -> None:
    assert {"Conv", "ConvTranspose", "MatMul", "InstanceNormalization", "ReduceMean", "Softmax"} <= set(NODES)
