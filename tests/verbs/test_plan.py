"""``plan``: what it refuses before it works."""

from __future__ import annotations

import pytest

from export_pipeline.cli import main


def test_a_plan_for_no_bytes_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "demo", "--bytes", "0"]) == 2
    assert "--bytes is 0; it must be 1 or more" in capsys.readouterr().err
