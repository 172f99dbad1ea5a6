from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.errors import UsageError
from export_pipeline.recipe import Recipe
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.metric import Values
from export_pipeline.targets import TARGETS
from export_pipeline.tasks.style_transfer import NO_JUDGE, Judged
from export_pipeline.tasks.task import Arrays, Evaluator, Sample, SampleEvaluator
from export_pipeline.verify import ParityResult, verify
from export_pipeline.verify.tolerances import tolerance
from tests.perception.test_judge import judge
from tests.small_models import RECIPE, exported, task


def recipe(**tables: Any) -> Recipe:
    return Recipe.parse({**RECIPE.model_dump(), **tables})


def test_every_target_has_a_tolerance_with_a_reason() -> None:
    for limit in (target.tolerance for target in TARGETS.values()):
        assert 30 <= limit.min_psnr <= 60
        assert len(limit.reason) > 20
    own = tolerance("tflite-int8", recipe(verify={"min_psnr": {"tflite-int8": 12.5}}))
    assert own.min_psnr == 12.5
    assert "recipe" in own.reason
    with pytest.raises(UsageError, match="did you mean 'tflite-int8'"):
        tolerance("tflite-int9", RECIPE)


def test_every_file_passes_and_the_rows_are_complete() -> None:
    made = exported()
    lines: list[str] = []
    rows = verify(made.folder, made.models, made.network, task(), Judged(judge()), lines.append)
    assert [row.target for row in rows] == list(TARGETS)
    assert len(lines) == len(made.models) + 1
    for row in rows[: len(made.models)]:
        assert row.status == "passed", row
        assert row.images == 2
        assert row.psnr is not None
        assert row.psnr_mean is not None
        assert row.min_psnr <= row.psnr <= row.psnr_mean
        assert row.quality == "measured"
        for metric in RECIPE.metrics:
            assert row.metric(metric.name) == pytest.approx(row.float_metric(metric.name), rel=0.05, abs=0.05)
        assert row.baseline_metric("content_distance") == 0
        assert row.baseline_metric("sliced_wasserstein_distance") == 1
        assert ParityResult.model_validate_json(row.model_dump_json()) == row


class Rows(dict[str, ParityResult]):
    """Rows by target, all of which stand."""

    def read(self, model: ExportedModel) -> ParityResult | None:
        return self.get(model.target)

    def write(self, model: ExportedModel, row: ParityResult) -> None:
        self[model.target] = row


def test_rows_are_kept_one_by_one_and_only_the_others_are_measured() -> None:
    made, kept, lines = exported(), Rows(), list[str]()
    first, second = made.models[:2]
    measured = verify(made.folder, [first], made.network, task(1), NO_JUDGE, kept=kept)
    assert tuple(kept.values()) == measured
    again = verify(made.folder, [first, second], made.network, task(1), NO_JUDGE, lines.append, kept=kept)
    assert again[0] is kept[first.target]
    assert tuple(kept.values()) == again
    assert [line.split(":")[0] for line in lines] == [first.target, "float network on 1 samples", second.target]
    # With nothing to measure the float network is not run.
    assert verify(made.folder, [first, second], None, task(1), NO_JUDGE, kept=kept) == again


def test_without_a_judge_quality_is_skipped_and_says_so() -> None:
    made = exported()
    (row,) = verify(made.folder, made.models[-1:], made.network, task(1), NO_JUDGE)
    assert row.status == "passed"
    assert row.quality == "skipped"
    assert "weights are not at hand" in row.quality_reason
    assert row.metric("style_distance") is None


def test_a_psnr_below_the_tolerance_fails_and_says_by_how_much() -> None:
    made = exported()
    models = [model for model in made.models if model.target == "tflite-dynamic"]
    strict = recipe(verify={"min_psnr": {"tflite-dynamic": 90.0}})
    (row,) = verify(made.folder, models, made.network, task(1, strict), NO_JUDGE)
    assert row.status == "failed"
    assert row.psnr is not None
    assert f"{90 - row.psnr:.2f} dB below 90 dB" in row.reason


def test_a_network_that_is_not_a_number_never_passes() -> None:
    made = exported()

    def broken(image: np.ndarray, training: bool) -> np.ndarray:
        return np.full(image.shape, np.nan, np.float32)

    (row,) = verify(made.folder, made.models[-1:], broken, task(1), NO_JUDGE)
    assert row.status == "failed"
    assert row.psnr is None


def test_a_file_that_does_not_run_has_failed(tmp_path: Path) -> None:
    made = exported()
    model = next(model for model in made.models if model.target == "onnx-fp32")
    (tmp_path / model.file).write_bytes((made.folder / model.file).read_bytes()[:500])
    (row,) = verify(tmp_path, [model], made.network, task(1), Judged(judge()))
    assert row.status == "failed"
    assert "does not run" in row.reason
    assert row.quality == "skipped"


def test_there_must_be_photographs() -> None:
    made = exported()
    with pytest.raises(UsageError, match="nothing to verify on"):
        verify(made.folder, made.models, made.network, task(0), NO_JUDGE)


class Scripted(Evaluator, SampleEvaluator):
    """Says the same of every output, and of none."""

    def __init__(self, measured: Values, baseline: Values) -> None:
        self._measured, self._baseline = measured, baseline

    def of(self, sample: Sample) -> SampleEvaluator:
        return self

    def measure(self, outputs: Arrays) -> Values:
        return self._measured

    def baseline(self) -> Values:
        return self._baseline


def values(covariance: float, other: float = 0.5) -> dict[str, float]:
    return {**{metric.name: other for metric in RECIPE.metrics}, "covariance_distance": covariance}


@pytest.mark.parametrize("covariance", [1.1, 1.0])
def test_a_network_that_is_no_better_than_none_fails(covariance: float) -> None:
    made = exported()
    evaluator = Scripted(values(covariance), values(1.0))
    (row,) = verify(made.folder, made.models[-1:], made.network, task(1), evaluator)
    assert row.status == "failed"
    wanted = f"its covariance distance {covariance:.4f} is no better than that of the untouched photograph, 1.0000"
    assert row.reason == wanted
    (row,) = verify(made.folder, made.models[-1:], made.network, task(1), Scripted(values(0.9), values(1.0)))
    assert row.status == "passed"


def test_a_network_that_paints_noise_fails() -> None:
    made = exported()
    measured = {**values(0.5), "content_ratio": 0.98}
    (row,) = verify(made.folder, made.models[-1:], made.network, task(1), Scripted(measured, values(1.0)))
    assert row.status == "failed"
    assert row.reason == "the photograph cannot be told from it: its content ratio is 0.9800, and 0.95 is the most"


def test_a_metric_that_is_not_a_number_never_passes() -> None:
    made = exported()
    evaluator = Scripted(values(0.5, other=float("nan")), values(1.0))
    (row,) = verify(made.folder, made.models[-1:], made.network, task(1), evaluator)
    assert row.status == "failed"
    assert row.metric("content_distance") is None
    assert "content distance is not a number" in row.reason


def test_a_baseline_that_is_not_a_number_lets_nothing_pass() -> None:
    made = exported()
    evaluator = Scripted(values(0.5), values(float("nan")))
    (row,) = verify(made.folder, made.models[-1:], made.network, task(1), evaluator)
    assert row.status == "failed"
    assert row.reason == "the covariance distance of the untouched photograph is not a number"
