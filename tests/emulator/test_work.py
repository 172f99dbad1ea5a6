"""Multiply-accumulates that ``describe`` counts, and what it says where they are not known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import describe
from tests.emulator.mil import ct, mb

ONES: Callable[..., np.ndarray] = lambda *shape: np.ones(shape, np.float32)  # noqa: E731


def _lstm(x: Any) -> Any:
    first = ONES(2, 3)
    weights = {"weight_ih": ONES(12, 5), "weight_hh": ONES(12, 3)}
    return mb.lstm(x=x, initial_h=first, initial_c=first, clip=np.float32(9), **weights)[0]


@pytest.mark.parametrize(
    ("build", "shape", "count"),
    [
        (lambda x: mb.conv(x=x, weight=ONES(8, 2, 3, 3), groups=2), (1, 4, 6, 6), 8 * 16 * 2 * 9),
        (lambda x: mb.conv_transpose(x=x, weight=ONES(4, 8, 2, 2), strides=[2, 2]), (1, 4, 3, 3), 4 * 9 * 8 * 4),
        (lambda x: mb.matmul(x=x, y=ONES(5, 7)), (2, 3, 5), 2 * 3 * 7 * 5),
        (lambda x: mb.linear(x=x, weight=ONES(7, 5)), (3, 5), 3 * 7 * 5),
        (lambda x: mb.einsum(values=(x, mb.relu(x=ONES(2, 4, 6, 5))), equation="nchw,nwhu->nchu"), (2, 3, 6, 4),
         2 * 3 * 6 * 4 * 5),
        (_lstm, (4, 2, 5), 4 * 2 * 12 * (5 + 3)),
        (lambda x: mb.relu(x=x), (3, 5), 0),
    ],
    ids=["conv", "conv_transpose", "matmul", "linear", "einsum", "lstm", "relu"],
)  # fmt: skip
def test_counted(build: Any, shape: tuple[int, ...], count: int, save_program: Callable[..., Path]) -> None:
    found = describe(save_program(build, [shape]))
    assert (found["multiply_accumulates"], found["uncounted"]) == (count, [])


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (lambda x: mb.cond(pred=mb.greater(x=mb.reduce_sum(x=x, axes=[0, 1]), y=np.float32(0)),
                           _true_fn=lambda: mb.matmul(x=x, y=x), _false_fn=lambda: mb.relu(x=x)),
         "the blocks of branches and loops"),
        (lambda x: mb.matmul(x=mb.expand_dims(x=mb.gather_nd(x=x, indices=mb.non_zero(x=x)), axes=[1]), y=ONES(1, 4)),
         "the sizes of MatMul depend on data"),
        (lambda x: mb.argsort(x=mb.gather_nd(x=x, indices=mb.non_zero(x=x)), axis=0),
         "what comes after a shape or an argument that depends on data"),
    ],
    ids=["cond", "size", "rest"],
)  # fmt: skip
def test_not_known(build: Any, why: str, save_program: Callable[..., Path]) -> None:
    found = describe(save_program(build, [(3, 3)]))
    assert (found["multiply_accumulates"], found["uncounted"]) == (None, [why])


def test_stages_of_a_pipeline_are_added_up(tmp_path: Path) -> None:
    spec = ct.proto.Model_pb2.Model(specificationVersion=4)
    for taken, given, sizes in (("x", "z", (4, 3)), ("z", "y", (3, 2))):
        builder = ct.models.neural_network.NeuralNetworkBuilder(
            [(taken, ct.models.datatypes.Array(sizes[0]))], [(given, ct.models.datatypes.Array(sizes[1]))]
        )
        builder.add_inner_product("i", ONES(sizes[1], sizes[0]), None, *sizes, False, taken, given)
        spec.pipeline.models.append(builder.spec)
    spec.description.input.append(spec.pipeline.models[0].description.input[0])
    spec.description.output.append(spec.pipeline.models[1].description.output[0])
    path = tmp_path / "m.mlmodel"
    path.write_bytes(spec.SerializeToString())
    assert describe(path)["multiply_accumulates"] == 4 * 3 + 3 * 2
