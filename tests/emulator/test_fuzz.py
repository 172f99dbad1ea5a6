"""The short form of ``make fuzz``."""

from __future__ import annotations

import subprocess
import sys

from tests.imports import ROOT


def test_damaged_models_end_in_a_result_or_in_an_emulator_error() -> None:
    command = [sys.executable, "-m", "tests.emulator.fuzz", "--count", "200", "--seed", "1000"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "200 executions" in done.stdout
