"""States that are written inside branches and loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from export_pipeline.emulator import CoreMLModel
from export_pipeline.emulator.coremltools_quietly import quiet
from tests.emulator.mil import ct, mb

types = ct.converters.mil.mil.types


def _model(program: Callable[[Any, Any], Any], size: int) -> CoreMLModel:
    inputs = [mb.TensorSpec((size,), types.fp16), mb.StateTensorSpec((size,), types.fp16)]
    with quiet():
        # The converter's own passes fail at states in loops.
        converted = ct.convert(
            mb.program(input_specs=inputs, opset_version=ct.target.iOS18)(program), convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS18, pass_pipeline=ct.PassPipeline.EMPTY,
        )  # fmt: skip
    return CoreMLModel.from_spec(converted.get_spec(), converted.weights_dir)


def _plus_state(total: Any, x: Any) -> Any:
    return mb.add(x=mb.read_state(input=total), y=x)


def test_a_branch_writes_a_state() -> None:
    def program(x: Any, total: Any) -> Any:
        y = mb.cond(
            pred=mb.greater(x=mb.reduce_sum(x=x, axes=[0]), y=np.float16(0)),
            _true_fn=lambda: mb.coreml_update_state(state=total, value=_plus_state(total, x)),
            _false_fn=lambda: mb.mul(x=x, y=np.float16(2)),
        )
        return mb.add(x=y, y=mb.read_state(input=total))

    model = _model(program, 2)
    state = model.make_state()
    for x, y, held in (([1, 2], [2, 4], [1, 2]), ([-1, -2], [-1, -2], [1, 2]), ([3, 3], [8, 10], [4, 5])):
        (found,) = model.predict({"x": np.array(x, np.float16)}, state).values()
        np.testing.assert_array_equal(found, y)
        np.testing.assert_array_equal(state["total"], held)
    report = model.stress({"x": np.full(2, 60000)}, {"total": np.full(2, 60000, np.float16)})
    assert [overflow.operation for overflow in report.overflows] == ["reduce_sum", "add"]


def test_a_loop_writes_a_state_inside_a_branch_and_reads_it_in_its_condition() -> None:
    def program(x: Any, total: Any) -> Any:
        def body(i: Any) -> Any:
            grown = _plus_state(total, i)
            mb.cond(
                pred=mb.greater(x=mb.reduce_sum(x=i, axes=[0]), y=np.float16(2)),
                _true_fn=lambda: mb.coreml_update_state(state=total, value=grown),
                _false_fn=lambda: mb.identity(x=grown),
            )
            return mb.add(x=i, y=np.float16(1))

        mb.coreml_update_state(state=total, value=np.zeros(1, np.float16))
        again = lambda i: mb.less(x=mb.reduce_sum(x=mb.read_state(input=total), axes=[0]), y=np.float16(20))  # noqa: E731
        return _plus_state(total, mb.while_loop(_cond=again, _body=body, loop_vars=(x,)))

    model = _model(program, 1)
    state = model.make_state()
    for _ in range(2):
        # From three on, numbers are added until the sum is 20 or more: 3 + 4 + 5 + 6 + 7.
        (found,) = model.predict({"x": np.zeros(1)}, state).values()
        assert (float(found[0]), float(state["total"][0])) == (8 + 25, 25)
