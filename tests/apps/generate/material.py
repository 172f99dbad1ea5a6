"""What of the repository the vectors are made from."""

from __future__ import annotations

from pathlib import Path

BUNDLE = Path(__file__).parents[3] / "artifacts" / "starry_night_small"
