from __future__ import annotations

import math
from typing import Any

import pytest

from export_pipeline.base.size import Size
from export_pipeline.errors import CheckFailed
from export_pipeline.recipe import Budget, Recipe, StyleTransferRecipe
from export_pipeline.records.contents import Contents, Weight
from export_pipeline.records.parity import ParityResult
from export_pipeline.records.signature import image_to_image
from export_pipeline.report import Benchmark, FileRecord, LatencyResult, MemoryResult, Record, Report, check
from export_pipeline.report.budgets import (
    ON_FILES,
    ON_MACHINE,
    RULES,
    Value,
    file_budgets,
    judge,
    machine_budgets,
    sparsity_kept,
)
from export_pipeline.report.model import Machine

EMPTY = Contents(parameters=0, nonzero_share=None, multiply_accumulates=None, operations={}, precisions={}, weights=())
FILE = FileRecord(
    target="onnx-fp32",
    file="a.onnx",
    format="onnx",
    signature=image_to_image(64, 64, "image", "stylized"),
    size=Size(bytes=1000, deflated_bytes=600),
    contents=EMPTY,
)
FILES = {FILE.target: FILE.file}
MACHINE = Machine(processor="p", cores=1, system="s", python="3", libraries={})


def recipe(**budget: Any) -> Recipe:
    return Recipe.parse({"report": {"budgets": {"onnx-fp32": budget}}})


def parity(**values: Any) -> ParityResult:
    about: dict[str, Any] = {
        "target": "onnx-fp32",
        "file": "a.onnx",
        "images": 1,
        "min_psnr": 60,
        "status": "passed",
        "quality": "measured",
    }
    return ParityResult.model_validate({**about, **values})


def latency(file: str, fps: float) -> LatencyResult:
    return LatencyResult(
        file=file,
        runtime="r",
        version="1",
        threads=1,
        processor="p",
        height=64,
        width=64,
        runs=30,
        median_ms=1000 / fps,
        iqr_ms=0,
        fps=fps,
    )


def measured(**values: Any) -> Benchmark:
    about: dict[str, Any] = {
        "name": "a",
        "machine": MACHINE,
        "float_file": "float.keras",
        "latency": (),
        "memory": (),
        "budgets": (),
    }
    return Benchmark(**{**about, **values})


def test_every_budget_of_a_recipe_is_judged() -> None:
    assert set(RULES) == set(Budget.model_fields) == {*ON_FILES, *ON_MACHINE}
    metrics = {metric.name: 1.0 for metric in StyleTransferRecipe.metrics}
    rows = file_budgets(recipe(**metrics), [FILE], [parity(**metrics)])
    assert {row.what: row.rule for row in rows} == dict.fromkeys(metrics, "most")


@pytest.mark.parametrize(
    ("what", "value", "status"),
    [
        ("bytes", 100.0, "passed"),
        ("bytes", 101.0, "failed"),
        ("ssim", 100.0, "passed"),
        ("ssim", 99.0, "failed"),
        ("bytes", math.nan, "failed"),
        ("ssim", math.nan, "failed"),
        ("ssim", math.inf, "failed"),
        ("bytes", -math.inf, "failed"),
        ("bytes", None, "skipped"),
    ],
)
def test_only_a_finite_number_within_its_budget_passes(what: str, value: float | None, status: str) -> None:
    row = judge("onnx-fp32", what, RULES[what], 100.0, Value(value))
    assert row.status == status
    assert (row.reason == "") == (status == "passed")
    assert type(row).model_validate_json(row.model_dump_json()) == row


def test_size_and_quality() -> None:
    rows = file_budgets(
        recipe(bytes=900, deflated_bytes=600, ssim=0.9, style_distance=0.5),
        [FILE],
        [parity(ssim=0.95, quality="skipped", quality_reason="no judge")],
    )
    found = {row.what: row for row in rows}
    assert found["bytes"].status == "failed"
    assert found["bytes"].reason == "1,000 is 100 (11.1%) over 900"
    assert found["deflated_bytes"].status == "passed"
    assert found["ssim"].status == "passed"
    assert found["style_distance"].status == "skipped"
    assert found["style_distance"].reason == "no judge"


def test_a_target_that_is_not_exported_is_skipped_and_says_so() -> None:
    (row,) = file_budgets(recipe(bytes=10), [], [])
    assert (row.status, row.measured) == ("skipped", None)
    assert "does not export onnx-fp32" in row.reason


def test_speed_is_a_multiple_of_the_float_networks_in_the_same_run() -> None:
    speeds = (latency("float.keras", 10), latency("a.onnx", 25))
    memory = (MemoryResult(file="a.onnx", runtime="r", peak_bytes=2000, imported_bytes=1500),)
    rows = machine_budgets(recipe(fps_ratio=3, peak_memory_bytes=2000), FILES, measured(latency=speeds, memory=memory))
    assert [(row.what, row.measured, row.status) for row in rows] == [
        ("fps_ratio", 2.5, "failed"),
        ("peak_memory_bytes", 2000, "passed"),
    ]
    (alone,) = machine_budgets(recipe(fps_ratio=3), FILES, measured(skipped={"a.onnx": "it does not run"}))
    assert (alone.status, alone.reason) == ("skipped", "it does not run")


def test_check_names_every_failed_row_and_the_place() -> None:
    rows = file_budgets(recipe(bytes=900, deflated_bytes=100), [FILE], [])
    record = Record(
        name="a",
        recipe=recipe(),
        provenance={},
        libraries={},
        float_network=EMPTY,
        files=(FILE,),
        parity=(parity(status="failed", reason="PSNR 3.00 dB is 57.00 dB below 60 dB"),),
        budgets=rows,
    )
    with pytest.raises(CheckFailed) as caught:
        check(Report(record=record, benchmark=measured()), where="there")
    assert caught.value.exit_code == 1
    for part in ("3 checks", "57.00 dB below", "900", "600 is 500 (500.0%) over 100", "there"):
        assert part in str(caught.value)
    good = record.model_copy(update={"budgets": (), "parity": (parity(),)})
    check(Report(record=good, benchmark=measured()))


def contents(*kernels: tuple[int, float]) -> Contents:
    """Contents with kernels of so many weights and such a share of nonzero ones."""
    weights = tuple(
        Weight(
            name="w", shape=(size,), stored="float32", bits=32, parameters=size, nonzero_share=share, convolution=True
        )
        for size, share in kernels
    )
    total = sum(size for size, _ in kernels)
    share = sum(size * share for size, share in kernels) / total
    return EMPTY.model_copy(update={"nonzero_share": share, "weights": weights})


@pytest.mark.parametrize(
    ("kernels", "reason"),
    [
        (((100, 0.5), (100, 0.3), (200, 0.25)), ""),
        (((100, 0.3), (100, 0.4), (200, 0.25)), ""),  # in another order, and some more zeros
        (((100, 0.5), (300, 0.2)), ""),  # joined by a converter: the total is all that can be said
        (((100, 0.5), (100, 0.3), (200, 0.3)), "over"),
        (((100, 0.6), (100, 0.1), (200, 0.2)), "a kernel of 100 weights has 60 nonzero ones instead of 50"),
    ],
)
def test_the_zeros_of_each_kernel_are_demanded_of_files(kernels: tuple[tuple[int, float], ...], reason: str) -> None:
    pruned = Recipe.parse({"compress": {"schedule": "constant", "end_step": 1, "steps": 1}})
    network = contents((100, 0.5), (100, 0.3), (200, 0.25))
    file = FILE.model_copy(update={"contents": contents(*kernels)})
    (row,) = sparsity_kept(pruned, network, [file])
    assert row.status == ("failed" if reason else "passed")
    assert reason in row.reason
    assert sparsity_kept(recipe(), network, [file]) == ()
