"""A target whose library is not here: said, a SKIPPED row, never a pass, and no reason to fail what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from export_pipeline.errors import CheckFailed, ExportError
from export_pipeline.formats.coreai import library
from export_pipeline.records.parity import ParityResult
from export_pipeline.verify import verify
from export_pipeline.verify.golden import require_passed
from tests.export import material
from tests.small_models import RECIPE, exported, task

REASON = "coreai-core is not installed: it has no wheel for this test"


@pytest.fixture(autouse=True)
def without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    exported()  # which is kept for other tests: it must not lack what is only hidden from these
    monkeypatch.setattr(library, "missing", lambda: REASON)


def test_a_target_without_its_library_is_left_out_and_said_to_be(tmp_path: Path) -> None:
    lines: list[str] = []
    recipe = material.recipe(("aimodel-int8", "onnx-fp32"), 16)
    network = material.filled("small", alpha=0.1, blocks=0)
    (record,) = material.exported(network, recipe, tmp_path, progress=lines.append)
    assert record.target == "onnx-fp32"
    assert f"aimodel-int8: SKIPPED: {REASON}" in lines
    with pytest.raises(ExportError, match=f"no target can be made here: {REASON}"):
        material.exported(network, material.recipe(("aimodel-int8",), 16), tmp_path)


def test_it_is_a_skipped_row_with_its_reason() -> None:
    made = exported()
    targets = ("onnx-fp32", "aimodel-fp16")
    recipe = RECIPE.model_copy(update={"export": RECIPE.export.model_copy(update={"targets": targets})})
    records = [model for model in made.models if model.target == "onnx-fp32"]
    passed, skipped = verify(made.folder, records, made.network, task(1, recipe), "no judge")
    assert (passed.target, passed.status) == ("onnx-fp32", "passed")
    assert (skipped.target, skipped.status, skipped.reason) == ("aimodel-fp16", "skipped", REASON)
    assert skipped.psnr is None
    require_passed((passed, skipped))
    with pytest.raises(CheckFailed, match=f"aimodel-fp16 {REASON}"):
        require_passed((skipped,))
    assert ParityResult.model_validate_json(skipped.model_dump_json()) == skipped
