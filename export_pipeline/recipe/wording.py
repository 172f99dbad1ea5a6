"""Errors of a recipe in words: what was wrong, and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from export_pipeline.errors import near
from export_pipeline.recipe.table import NAME_PATTERN, NAME_RULE, Table


def sentence(error: Mapping[str, Any], table: type[Table]) -> str:
    """One pydantic error of *table* in words, with the near match of an unknown key or value."""
    location, given = error["loc"], error["input"]
    name = ".".join(str(part) for part in location)
    if error["type"] == "extra_forbidden":
        return f"unknown key {name!r}; {near(str(location[-1]), _keys(table, location[:-1]))}"
    if error["type"] == "literal_error":
        choices = re.findall(r"'([^']+)'", error["ctx"]["expected"])
        return f"{name} is {given!r}; {near(str(given), choices)}"
    message = _said(error)
    if not location:
        return str(message)
    return f"{name} is {given!r}: {message}" if not isinstance(given, (dict, list)) else f"{name}: {message}"


# What pydantic calls the kinds of TOML.
_KINDS = {"tuple": "list", "dictionary": "table"}
_PATTERNS = {NAME_PATTERN: NAME_RULE}


def _said(error: Mapping[str, Any]) -> str:
    """What is wrong and allowed, for a reader who knows TOML and neither Python nor pydantic."""
    if error["type"] == "missing":
        return "it is missing; give it"
    if error["type"] == "string_pattern_mismatch":
        pattern = error["ctx"]["pattern"]
        return f"it must be {_PATTERNS.get(pattern, f'of the form {pattern}')}"
    message = str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "it must be")
    for kind, written in _KINDS.items():
        message = message.replace(f"a valid {kind}", f"a {written}")
    return message


def of_another_task(
    errors: Sequence[Mapping[str, Any]], others: Mapping[str, type[Table]], own: str | None, default: str
) -> tuple[tuple[str, ...], list[Mapping[str, Any]]]:
    """What to say of the keys and choices in *errors*, those of pydantic, that recipes of another task know.

    Args:
        others: the recipes of each other task.
        own, default: as of :func:`set_task`.

    Returns:
        One sentence, of the task that knows the most of them, or none; and the errors that are left.
    """
    known = {task: [error for error in errors if _takes(table, error)] for task, table in others.items()}
    task = max(known, key=lambda each: len(known[each]), default="")
    if not known.get(task):
        return (), list(errors)
    kinds = {"key" if error["type"] == "extra_forbidden" else "choice" for error in known[task]}
    names = [_written(error) for error in known[task]]
    said = set_task(names, kinds, task, own, default)
    return (said,), [error for error in errors if error not in known[task]]


def set_task(names: Sequence[str], kinds: Collection[str], task: str, own: str | None, default: str) -> str:
    """What to do about *names*, each a ``key`` or ``choice`` of *task*, in a recipe of the task *own*.

    ``None`` is that of a recipe that names none, which is *default*.
    """
    plural = "" if len(names) == 1 else "s"
    nouns = " and ".join(kind + plural for kind in sorted(kinds, reverse=True))
    known = f"{', '.join(names)} {'are' if plural else 'is a'} {nouns} of task {task!r}"
    this = f"{default!r} (the default)" if own is None else repr(own)
    other = "" if own is None else f", or leave {'them' if plural else 'it'} out"
    return f'{known}; this recipe is of {this}. Set task = "{task}"{other}'


def _written(error: Mapping[str, Any]) -> str:
    """The key of *error*, with its value where that is what is wrong."""
    name = ".".join(str(part) for part in error["loc"])
    return name if error["type"] == "extra_forbidden" else f"{name} {error['input']!r}"


def _takes(table: type[Table], error: Mapping[str, Any]) -> bool:
    """Whether what was unknown or no choice in *error* is a key or a choice of *table*."""
    if error["type"] == "extra_forbidden":
        return _at(table, error["loc"]) is not None
    return error["type"] == "literal_error" and error["input"] in _choices(_at(table, error["loc"]))


def _choices(annotation: Any) -> list[Any]:
    """What a key of this type may be, where that is one of several words."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [choice for argument in get_args(annotation) for choice in _choices(argument)]


def _keys(whole: type[Table], location: tuple[Any, ...]) -> list[str]:
    """Keys of the table at *location* of *whole*."""
    table = _at(whole, location)
    return list((_tables(table) or [table])[0].model_fields)


def _at(whole: type[Table], location: tuple[Any, ...]) -> Any:
    """The type of what lies at *location* of *whole*, or ``None`` if nothing does."""
    found: Any = whole
    for part in location:
        tables = _tables(found)
        if tables:  # of a dictionary or an array of tables, any entry
            found = tables[0]
            continue
        fields = getattr(found, "model_fields", {})
        if part not in fields:
            return None
        found = fields[part].annotation
    return found


def _tables(annotation: Any) -> list[Any]:
    """The tables in a type such as a dictionary of them, or one that may be left out."""
    return [argument for argument in get_args(annotation) if hasattr(argument, "model_fields")]
