"""``report`` of a bundle; of a recipe it is tested with the pipeline."""

from __future__ import annotations

import pytest

from export_pipeline.cli import main
from tests.builds import COMMITTED


def test_report_shows_the_one_in_the_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(COMMITTED)]) == 0
    shown = capsys.readouterr().out
    assert "mlpackage-int8" in shown
    assert "PASSED" in shown
