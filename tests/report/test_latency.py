"""Comparisons of speed on a busy machine: turn by turn, again where noisy, and NOISY where that stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export_pipeline.errors import CheckFailed, Undecided
from export_pipeline.recipe import Recipe
from export_pipeline.report import BudgetResult, LatencyResult, check_budgets
from export_pipeline.report.budgets import Value, judge, speed_limits
from export_pipeline.report.latency import ATTEMPTS, measure
from export_pipeline.report.model import Spread
from export_pipeline.report.worker import ask

FLOAT, FILE = "float.keras", "a.onnx"
RUNS = 30


class Machine:
    """A worker without a clock: the float network takes 20 ms a run, the file 10, times the load of each run."""

    def __init__(self, *loads: Callable[[np.random.Generator, int], Any]) -> None:
        self.loads, self.jobs = iter(loads), []  # type: ignore[var-annotated]
        self.random = np.random.default_rng(0)

    def __call__(self, job: dict[str, Any], told: Callable[[int], None]) -> dict[str, Any]:
        self.jobs.append(job)
        load = next(self.loads)
        told(1)
        own = {path: np.full(job["runs"], 0.02 if path == FLOAT else 0.01) for path in job["paths"]}
        slowed = {path: list(seconds * load(self.random, job["runs"])) for path, seconds in own.items()}
        about = {"runtime": "r", "version": "1", "height": 64, "width": 64}
        return {path: {**about, "seconds": seconds} for path, seconds in slowed.items()}


def idle(random: np.random.Generator, runs: int) -> Any:
    return 1 + 0.01 * random.random(runs)


def busy(random: np.random.Generator, runs: int) -> Any:
    """Another process takes the core for a while, now from the one and now from the other."""
    return 1 + 3 * random.random(runs)


def drifting(random: np.random.Generator, runs: int) -> Any:
    """A load that comes and goes over many turns."""
    return np.linspace(1, 5, runs)


def measured(machine: Machine, limit: float) -> tuple[LatencyResult, BudgetResult]:
    rows, errors = measure([FLOAT, FILE], RUNS, 1, (64, 64), {FILE: FLOAT}, {FILE: limit}, machine)
    assert not errors
    row = next(row for row in rows if row.file == FILE)
    assert row.ratio is not None
    return row, judge("onnx-fp32", "fps_ratio", "least", limit, Value(row.ratio.median, spread=row.ratio))


@pytest.mark.parametrize(("limit", "status"), [(1.5, "passed"), (2.5, "failed")])
def test_on_an_idle_machine_one_attempt_decides(limit: float, status: str) -> None:
    machine = Machine(idle)
    row, verdict = measured(machine, limit)
    assert verdict.status == status
    assert row.ratio is not None
    assert row.ratio.median == pytest.approx(2, rel=0.01)
    assert len(machine.jobs) == 1


def test_a_load_that_slows_down_both_changes_no_ratio() -> None:
    row, verdict = measured(Machine(drifting), 1.9)
    assert row.ratio == Spread(low=2, median=2, high=2)
    assert row.iqr_ms > 15
    assert verdict.status == "passed"


def test_a_noisy_comparison_is_made_again_with_nothing_else_and_the_calmest_attempt_is_kept() -> None:
    machine = Machine(busy, idle)
    row, verdict = measured(machine, 1.9)
    assert verdict.status == "passed"
    assert [job["paths"] for job in machine.jobs] == [[FLOAT, FILE], [FLOAT, FILE]]
    assert machine.jobs[1]["threads"] == 1
    assert row.ratio is not None
    assert row.ratio.iqr < 0.05


def test_each_attempt_is_told() -> None:
    lines: list[str] = []
    measure([FLOAT, FILE], RUNS, 1, (64, 64), {FILE: FLOAT}, {FILE: 1.9}, Machine(busy, idle), lines.append)
    assert lines == [
        "latency of 2 files, 1 thread: 30 runs each, in turns",
        "latency of a.onnx once more, for it scatters",
    ]


def test_the_worker_tells_how_many_turns_are_done(tmp_path: Path) -> None:
    told: list[int] = []
    port = helper.make_tensor_value_info
    ports = [port("x", TensorProto.FLOAT, [1, 4])], [port("y", TensorProto.FLOAT, [1, 4])]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", *ports)
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), tmp_path / "relu.onnx")
    job = {
        "task": "latency",
        "paths": [str(tmp_path / "relu.onnx")],
        "runs": 1000,
        "threads": 1,
        "height": 8,
        "width": 8,
    }
    (answer,) = ask(job, told.append).values()
    assert len(answer["seconds"]) == 1000
    assert told == sorted(set(told))
    assert 0 < told[0] <= told[-1] < 1000


def test_what_stays_noisy_is_neither_passed_nor_failed_and_has_an_exit_code_of_its_own() -> None:
    machine = Machine(*[busy] * ATTEMPTS)
    _, verdict = measured(machine, 1.9)
    assert len(machine.jobs) == ATTEMPTS
    assert verdict.status == "noisy"
    assert "interquartile range" in verdict.reason
    with pytest.raises(Undecided, match="NOISY, neither passed nor failed: onnx-fp32 fps_ratio") as caught:
        check_budgets([verdict])
    assert caught.value.exit_code == 3


def test_what_failed_beside_it_decides() -> None:
    noisy = judge("onnx-fp32", "fps_ratio", "least", 2, Value(2.1, spread=Spread(low=1.9, median=2.1, high=2.3)))
    failed = judge("onnx-fp32", "bytes", "most", 10, Value(20))
    with pytest.raises(CheckFailed, match="1 checks failed: onnx-fp32 bytes"):
        check_budgets([noisy, failed])


def spreads() -> Iterator[tuple[Spread, str]]:
    yield Spread(low=2.4, median=2.5, high=2.6), "passed"
    yield Spread(low=2.2, median=2.5, high=2.8), "noisy"
    yield Spread(low=1.2, median=1.5, high=1.6), "failed"
    yield Spread(low=1.0, median=1.5, high=1.9), "noisy"
    yield Spread(low=2.0, median=2.0, high=2.0), "passed"


@pytest.mark.parametrize(("found", "status"), spreads())
def test_noisy_is_a_range_wider_than_the_margin(found: Spread, status: str) -> None:
    assert judge("onnx-fp32", "fps_ratio", "least", 2, Value(found.median, spread=found)).status == status


def test_a_file_that_does_not_run_has_no_ratio() -> None:
    def worker(job: dict[str, Any], told: Callable[[int], None]) -> dict[str, Any]:
        return {**Machine(idle)({**job, "paths": [FLOAT]}, told), FILE: {"error": "it is damaged"}}

    rows, errors = measure([FLOAT, FILE], RUNS, 1, (64, 64), {FILE: FLOAT}, {FILE: 2.0}, worker)
    assert [row.file for row in rows] == [FLOAT]
    assert errors == {FILE: "it is damaged"}


def test_limits_are_those_of_the_budgets() -> None:
    recipe = Recipe.parse({"report": {"budgets": {"onnx-fp32": {"fps_ratio": 2.5}, "tflite-fp16": {"bytes": 9}}}})
    assert speed_limits(recipe, {"onnx-fp32": "x", "tflite-fp16": "y"}) == {"x": 2.5}


def test_records_without_quartiles_have_half_their_range_on_either_side() -> None:
    about = {"file": "a", "runtime": "r", "version": "1", "threads": 1, "processor": "p", "height": 1, "width": 1}
    row = LatencyResult.model_validate({**about, "runs": 30, "median_ms": 10, "iqr_ms": 2, "fps": 100})
    assert row.spread_ms == Spread(low=9, median=10, high=11)
