"""coremltools, imported without its greetings, and its builder of ML programs."""

from __future__ import annotations

import importlib
from typing import Any

from export_pipeline.emulator.coremltools_quietly import coremltools

ct: Any = coremltools()
mb: Any = importlib.import_module("coremltools.converters.mil").Builder
