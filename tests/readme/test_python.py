"""The README's example in Python, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.builds import ROOT
from tests.readme.blocks import of_language


def test_python_example_runs(checkout: Path) -> None:
    (example,) = of_language("python")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", example.text], cwd=checkout, env=environment, check=True)
    assert (checkout / "stylized.png").stat().st_size > 10_000
