"""Keys of a recipe that a record lacks, for it was written before there were any: they stood at their defaults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, TypeAdapter

from export_pipeline.recipe import Recipe
from export_pipeline.work import Decides

_JSON: TypeAdapter[Any] = TypeAdapter(Any)


def with_defaults(found: Decides, now: Decides, recipe: Recipe) -> Decides:
    """*found* as it would have been written today: with the default of each key of *now* that it lacks.

    A table that it lacks had the defaults of the table that it would stand in. Keys without a default, hashes, and
    keys of dictionaries, which are the user's, stay missing.

    Args:
        found: what decided a stage when it ended, by dotted key.
        now: what decides it, of *recipe*.
        recipe: its classes have the defaults.
    """
    return {**{key: value for key, value in _missing(found, recipe, "") if key in now}, **found}


def leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The values of nested dictionaries by dotted key; an empty one is a value."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(f"{prefix}.{key}" if prefix else str(key), inner)
    else:
        yield prefix, value


def _missing(found: Decides, value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Key and default of what *found* lacks of the tables in *value*, whose keys begin with *prefix*."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if _has(found, f"{prefix}{name}"):
                yield from _missing(found, inner, f"{prefix}{name}.")
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            key = f"{prefix}{name}"
            if _has(found, key):
                yield from _missing(found, getattr(value, name), f"{key}.")
            elif not field.is_required():
                yield from leaves(key, _JSON.dump_python(field.get_default(call_default_factory=True), mode="json"))


def _has(found: Decides, key: str) -> bool:
    return key in found or any(other.startswith(f"{key}.") for other in found)
