"""``python -m export_pipeline`` is the console script."""

from __future__ import annotations

import sys

from export_pipeline.cli import main

sys.exit(main())
