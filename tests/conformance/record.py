"""What the last full run found: ``results.json``, written by ``make conformance`` and kept beside this file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("results.json")
RESULTS: dict[str, Any] = json.loads(PATH.read_text("utf-8")) if PATH.exists() else {"used": {}}


def compared() -> set[str]:
    """Operations and layers that took part in at least one comparison that passed."""
    return {
        name
        for backend in RESULTS["used"].values()
        for name, opsets in backend.items()
        if any(passed for _, passed in opsets.values())
    }
