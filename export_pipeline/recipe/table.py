"""The base of every table of a recipe."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

# In a recipe: what comes along with the package, instead of a file or folder.
BUILTIN = "builtin"
# What a name may be, for programs and for people.
NAME_PATTERN = r"^[a-z0-9][a-z0-9_]{0,63}$"
NAME_RULE = "1 to 64 lower-case letters, digits and _, the first no _, such as 'my_style_1'"


class Table(BaseModel):
    """Strict and frozen: "0.3" and true are no numbers. Infinity and NaN limit nothing, and JSON has neither."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), strict=True, allow_inf_nan=False)


# Marks a table of limits in a JSON Schema, which then gets the metrics of its task.
LIMITS = "limits"
WORSE = "worse"  # the mark's value where the limits are shares by which a metric may be worse


class LimitsTable(Table):
    """A table that also takes a limit for each of the task's metrics, by its name.

    Which names there are is known to the recipe, which refuses others.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra={LIMITS: True})
    __pydantic_extra__: dict[str, Annotated[float, Field(gt=0)]] = Field(init=False)

    @model_validator(mode="before")
    @classmethod
    def _without_none(cls, data: Any) -> Any:
        """No limit, as JSON has it in recipes on record."""
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key in cls.model_fields}

    @property
    def limits(self) -> dict[str, float]:
        """The limits by the name of the metric."""
        return dict(self.__pydantic_extra__)
