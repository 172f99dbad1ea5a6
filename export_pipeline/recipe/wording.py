"""Errors of a recipe in words: what was wrong, and what is allowed."""

from __future__ import annotations

import re
from typing import Any, get_args

from export_pipeline.errors import near
from export_pipeline.recipe.table import Table


def sentence(error: dict[str, Any], table: type[Table]) -> str:
    """One pydantic error of *table* in words, with the near match of an unknown key or value."""
    location, given = error["loc"], error["input"]
    name = ".".join(str(part) for part in location)
    if error["type"] == "extra_forbidden":
        return f"unknown key {name!r}; {near(str(location[-1]), _keys(table, location[:-1]))}"
    if error["type"] == "literal_error":
        choices = re.findall(r"'([^']+)'", error["ctx"]["expected"])
        return f"{name} is {given!r}; {near(str(given), choices)}"
    message = error["msg"].removeprefix("Value error, ")
    if not location:
        return str(message)
    return f"{name} is {given!r}: {message}" if not isinstance(given, (dict, list)) else f"{name}: {message}"


def _keys(whole: type[Table], location: tuple[Any, ...]) -> list[str]:
    """Keys of the table at *location* of *whole*."""
    table: Any = whole
    for part in location:
        # Of a dictionary or an array of tables, any entry; of a table that may be left out, the table.
        tables = [argument for argument in get_args(table) if hasattr(argument, "model_fields")]
        table = tables[0] if tables else table.model_fields[part].annotation
    tables = [argument for argument in get_args(table) if hasattr(argument, "model_fields")]
    return list((tables[0] if tables else table).model_fields)
