"""Numbers and types in words, for every page."""

from __future__ import annotations

import re

SKIPPED = "SKIPPED"


def stored_as(stored: str) -> str:
    """The type of a stored tensor in words: ``lut-4bit-sparse`` is ``4-bit palettized, sparse``."""
    palettized = re.sub(r"^lut-(\d)bit", r"\1-bit palettized", stored)
    return palettized.replace("-sparse", ", sparse")


def number(value: float | None, digits: int | None = None) -> str:
    """A number for people; :data:`SKIPPED` where nothing was measured."""
    if value is None:
        return SKIPPED
    if digits is not None:
        return f"{value:,.{digits}f}"
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def percent(value: float | None) -> str:
    """A share as a percentage."""
    return "none" if value is None else f"{value:.1%}"


def counts(found: dict[str, int]) -> str:
    """``conv 16, relu 9``: the most frequent first."""
    return ", ".join(f"{name} {count}" for name, count in sorted(found.items(), key=lambda item: (-item[1], item[0])))
