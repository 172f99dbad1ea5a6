"""The verdict on half-precision sums: in the rows of the verify stage, in the report, and for files of any origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.errors import CheckFailed
from export_pipeline.formats import Conversion, format_of, open_model
from export_pipeline.recipe import Recipe
from export_pipeline.records.signature import image_to_image
from export_pipeline.records.stress import StressResult
from export_pipeline.report import check, verdict
from export_pipeline.targets import TARGETS
from export_pipeline.tasks.style_transfer import NO_JUDGE
from export_pipeline.verify import verify
from tests.report.test_report import reported
from tests.small_models import RECIPE, exported, task

SIZE = 32
SIGNATURE = image_to_image(SIZE, SIZE, "image", "stylized")


def written(folder: Path, target: str, gain: float) -> Path:
    """A file that takes the mean of a picture times *gain*, and gives it in every point, through a convolution."""
    import tf_keras as keras

    image = keras.Input((SIZE, SIZE, 3), batch_size=1, name="image")
    loud = keras.layers.Conv2D(4, 3, padding="same", kernel_initializer=keras.initializers.Constant(gain / 27))(image)
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True)(loud)
    flat = keras.layers.Conv2D(3, 1, kernel_initializer=keras.initializers.Constant(0.25 / gain))(mean)
    model = keras.Model(image, keras.layers.UpSampling2D(SIZE)(flat))
    path = folder / TARGETS[target].file_name("mean")
    format_of(path).write(Conversion(model, SIGNATURE, TARGETS[target]), path)  # type: ignore[attr-defined]
    return path


@pytest.mark.parametrize("target", ["mlpackage-fp16", "tflite-fp16"])
def test_a_mean_of_a_thousand_points_overflows_when_they_are_large(target: str, tmp_path: Path) -> None:
    """1,024 points of 200 are 204,800; of a quarter of that, 51,200."""
    picture = {"image": np.full((SIZE, SIZE, 3), 200, np.uint8)}
    found = open_model(written(tmp_path, target, 1.0)).stress(picture)
    assert found is not None
    assert [one.operation for one in found.lost] == [{"mlpackage-fp16": "reduce_mean", "tflite-fp16": "MEAN"}[target]]
    assert found.lost[0].largest == pytest.approx(200 * SIZE * SIZE, rel=0.1)  # zeros around the picture
    (tmp_path / "quiet").mkdir()
    quiet = open_model(written(tmp_path / "quiet", target, 0.25)).stress(picture)
    assert quiet is not None
    assert not quiet.lost


def test_rows_tell_of_files_with_half_precision_sums_and_of_no_other() -> None:
    made = exported()
    rows = verify(made.folder, made.models, made.network, task(1), NO_JUDGE)
    told = {row.target for row in rows if row.stress is not None}
    assert told == {name for name, target in TARGETS.items() if target.half_sums}
    for row in rows:
        if row.stress is not None:
            assert row.stress.status == "passed", row.stress
            assert row.stress.operations > 0
            assert (row.stress.psnr is None) == row.file.endswith(".tflite")


def test_a_recipe_that_leaves_it_out_is_told_so() -> None:
    made = exported()
    models = [model for model in made.models if model.target == "tflite-fp16"]
    without = Recipe.parse({**RECIPE.model_dump(), "verify": {"stress": False}})
    (row,) = [row for row in verify(made.folder, models, made.network, task(1, without), NO_JUDGE) if row.stress]
    assert row.stress is not None
    assert row.stress.status == "skipped"
    assert "verify.stress = false" in row.stress.reason


def _with(stress: StressResult) -> Any:
    _, found = reported()
    first, *others = found.record.parity
    rows = (first.model_copy(update={"stress": stress}), *others)
    return found.model_copy(update={"record": found.record.model_copy(update={"parity": rows})})


def test_a_file_that_overflows_fails_the_build_and_says_where() -> None:
    reason = "1 of 9 operations leave half precision"
    lost = _with(StressResult(status="failed", reason=reason, operations=9, overflows=1, largest=1e6))
    target = lost.record.parity[0].target
    assert verdict(lost).files[target] == "failed"
    assert any("stress" in line and reason in line for line in verdict(lost).lines)
    with pytest.raises(CheckFailed, match=f"{target} stress: {reason}"):
        check(lost)
    whole = _with(StressResult(status="passed", operations=9))
    assert verdict(whole).files[target] == verdict(reported()[1]).files[target]
