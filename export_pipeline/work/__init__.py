"""The work folder of a build: what its stages were decided by, what of them may be kept, and what is to be done.

What every module here uses stands in this one; it loads nothing heavy.
"""

from __future__ import annotations

from typing import Any

STAGES = ("train", "compress", "export", "verify", "report")
# What decides a stage: values by dotted key of the recipe, or by what is hashed, in words.
Decides = dict[str, Any]
HASHED = "the content of "  # before the name of what is not shown, for it is a hash
