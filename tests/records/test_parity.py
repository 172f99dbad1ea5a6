"""What a row of parity must say of itself."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from export_pipeline.records.parity import ParityResult

ROW: dict[str, Any] = {
    "target": "tflite-int8",
    "file": "a-int8.tflite",
    "images": 1,
    "min_psnr": 30.0,
    "status": "passed",
    "quality": "measured",
}


@pytest.mark.parametrize(("what", "reason"), [("status", "reason"), ("quality", "quality_reason")])
def test_a_check_that_was_skipped_says_why(what: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=f"{what} is 'skipped' and its reason is missing"):
        ParityResult.model_validate({**ROW, what: "skipped", reason: " "})
    said = ParityResult.model_validate({**ROW, what: "skipped", reason: "no runtime here"})
    assert getattr(said, reason) == "no runtime here"
