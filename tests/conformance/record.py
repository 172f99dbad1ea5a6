"""What the last full run found: ``results.json``, written by ``make conformance`` and kept beside this file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("results.json")
RESULTS: dict[str, Any] = json.loads(PATH.read_text("utf-8")) if PATH.exists() else {"used": {}}
# Operations and layers that took part in at least one comparison that passed.
COMPARED = {name for backend in RESULTS["used"].values() for name, (_, passed) in backend.items() if passed}
