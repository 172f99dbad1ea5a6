"""The bits of each kernel, and the file that says them and can be edited."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from export_pipeline.errors import RecipeError, near
from export_pipeline.recipe.compress import MOST_BITS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WIDTHS = tuple(range(1, MOST_BITS + 1))
TABLE_VALUE_BYTES = 2


@dataclass(frozen=True)
class Choice:
    """One layer of a plan that was measured. ``errors`` are those of the widths 1..8 bits."""

    name: str
    weights: int
    bits: int
    bytes: int
    error: float
    errors: tuple[float, ...]


@dataclass(frozen=True)
class BitPlan:
    """Bits by layer, and the file's text where there is one. What was measured is there when it was made here."""

    bits: dict[str, int]
    text: str = ""
    choices: tuple[Choice, ...] = ()
    budget: int | None = None
    error_together: float | None = None

    def record(self) -> dict[str, Any]:
        """What ``plan --json`` prints."""
        return {
            "budget": self.budget,
            "bytes": sum(choice.bytes for choice in self.choices),
            "error_sum": sum(choice.error for choice in self.choices),
            "error_together": self.error_together,
            "layers": [asdict(choice) for choice in self.choices],
        }


def packed_bytes(weights: int, bits: int) -> int:
    """Bytes of a clustered kernel: indices of *bits* each, packed, and a table of 16-bit floats."""
    return (weights * bits + 7) // 8 + TABLE_VALUE_BYTES * (1 << bits)


def read_plan(path: Path, names: Iterable[str] | None = None) -> BitPlan:
    """The plan in the file *path*. It may name only the convolutions *names*, when they are given.

    Raises:
        RecipeError: it cannot be read, names another layer, or a width that is not 1..8.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise RecipeError(f"cannot read plan {path}: {error.strerror}. 'plan RECIPE --bytes N' writes one.") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path} is not a TOML file: {error}") from error
    except UnicodeDecodeError as error:
        text = "it is no text in UTF-8. 'plan RECIPE --bytes N' writes a plan"
        raise RecipeError(f"{path} is not a TOML file: {text}.") from error
    for key in data:
        if key != "bits":
            raise RecipeError(f"{path}: unknown key {key!r}; {near(key, ['bits'])}")
    bits = data.get("bits")
    if not isinstance(bits, dict):
        raise RecipeError(f"{path} has no table [bits]; give one with a line 'layer = bits' for each convolution")
    for name, width in bits.items():
        if names is not None and name not in names:
            raise RecipeError(f"{path}: no convolution {name!r} to cluster; {near(name, names)}")
        if type(width) is not int or width not in WIDTHS:
            raise RecipeError(f"{path}: {name} is {width!r}; allowed: 1 to {MOST_BITS} bits")
    return BitPlan(bits, text)
