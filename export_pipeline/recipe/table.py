"""The base of every table of a recipe."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

# In a recipe: what comes along with the package, instead of a file or folder.
BUILTIN = "builtin"


class Table(BaseModel):
    """Strict and frozen: "0.3" and true are no numbers. Infinity and NaN limit nothing, and JSON has neither."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), strict=True, allow_inf_nan=False)
