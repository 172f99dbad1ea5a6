"""From ``--set path=values`` to the points of a grid, each a recipe that has been read strictly."""

from __future__ import annotations

import copy
import itertools
import json
import math
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export_pipeline.errors import RecipeError, UsageError
from export_pipeline.recipe import Recipe

Value = int | float | str | None
MOST_POINTS = 1000
_HOW = "write --set path=values, such as compress.bits=1..8 or model.alpha=0.25,0.5"
# Keys whose points would be one and the same, or could not be held against each other.
IDLE = {
    "name": "it only names the files, and every point would be trained anew for the same result",
    "task": "networks of different tasks are measured by different metrics",
    "train.checkpoint_every": "it only says how often a training is saved",
}
_INTEGER = re.compile(r"[+-]?\d+")
_RANGE = re.compile(r"([+-]?\d+)\.\.([+-]?\d+)(?:\.\.(\d+))?")


@dataclass(frozen=True)
class Setting:
    """One axis of the grid: a dotted path into the recipe, and the values that it takes there."""

    path: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Point:
    """One recipe of the grid: ``data`` as it would stand in TOML, ``recipe`` what was read from it."""

    overrides: dict[str, Value]
    data: dict[str, Any]
    recipe: Recipe

    @property
    def label(self) -> str:
        """The point in words: ``compress.bits=4, model.alpha=0.5``."""
        return label(self.overrides)

    @property
    def json(self) -> str:
        """``data`` as JSON; equal points have equal texts."""
        return json.dumps(self.data, sort_keys=True)


def label(overrides: Mapping[str, Value]) -> str:
    """*overrides* as they would be written after ``--set``."""
    return ", ".join(f"{path}={shown(value)}" for path, value in overrides.items())


def shown(value: Value) -> str:
    """One value as it would be written after ``--set``."""
    return "none" if value is None else str(value)


def parse_setting(text: str) -> Setting:
    """Read one ``path=values``: numbers, words, ``none`` and ranges ``a..b`` or ``a..b..step``, by commas.

    A range holds both of its ends where the step meets them, and runs down when *b* is below *a*.

    Raises:
        UsageError: it is not of that form, or names a value twice.
    """
    path, equals, written = text.partition("=")
    if not equals or not path or not all(path.split(".")):
        raise UsageError(f"--set {text!r} names no key; {_HOW}")
    values = tuple(value for token in written.split(",") for value in _values(path, token.strip(), text))
    for index, value in enumerate(values):
        if value in values[:index]:
            raise UsageError(f"--set {text!r} has {shown(value)} twice; name each value once")
    return Setting(path, values)


def points(data: Mapping[str, Any], settings: Sequence[Setting], folder: Path = Path()) -> tuple[Point, ...]:
    """Every combination of the *settings* on top of the recipe *data*; the last setting varies fastest.

    Raises:
        UsageError: there are no settings, a path is named twice or compares nothing, or there are too many points.
        RecipeError: a point is no recipe: an unknown key, or a value out of range. The point is named.
    """
    paths = [setting.path for setting in settings]
    if not settings or len(set(paths)) < len(paths):
        raise UsageError(f"a sweep needs keys to vary, each named once; got {', '.join(paths) or 'none'}; {_HOW}")
    for path in paths:
        if path in IDLE:
            raise UsageError(f"--set {path} compares nothing: {IDLE[path]}. {_HOW[0].upper()}{_HOW[1:]}.")
    count = math.prod(len(setting.values) for setting in settings)
    if count > MOST_POINTS:
        raise UsageError(f"the grid has {count:,} points; it may have {MOST_POINTS:,}. Name fewer values.")
    products = itertools.product(*(setting.values for setting in settings))
    return tuple(_point(data, dict(zip(paths, values, strict=True)), folder) for values in products)


def _point(data: Mapping[str, Any], overrides: dict[str, Value], folder: Path) -> Point:
    own = copy.deepcopy(dict(data))
    for path, value in overrides.items():
        _put(own, path, value)
    recipe = Recipe.parse(own, where=label(overrides), folder=folder)
    if recipe.export.further:
        raise RecipeError(f"{label(overrides)}: points of a sweep are of one size; leave out export.sizes.")
    return Point(overrides, own, recipe)


def _put(data: dict[str, Any], path: str, value: Value) -> None:
    *tables, key = path.split(".")
    table = data
    for name in tables:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise RecipeError(f"--set {path}: {name} is {table!r} in the recipe, not a table. Name a key of a table.")
    table[key] = value


def _values(path: str, token: str, text: str) -> Sequence[Value]:
    if not token:
        raise UsageError(f"--set {text!r} has an empty value; {_HOW}")
    if found := _RANGE.fullmatch(token):
        return _range(int(found[1]), int(found[2]), int(found[3] or 1), text)
    if _INTEGER.fullmatch(token):
        return (int(token),)
    if token == "none" and _may_be_none(path):
        return (None,)
    try:
        number = float(token)
    except ValueError:
        return (token,)
    return (number,) if math.isfinite(number) else (token,)


def _range(first: int, last: int, step: int, text: str) -> Sequence[int]:
    if not step:
        raise UsageError(f"--set {text!r} has a range of step 0; it must be 1 or more")
    found = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    if len(found) > MOST_POINTS:
        raise UsageError(f"--set {text!r} has {len(found):,} values; a grid may have {MOST_POINTS:,} points")
    return found


def _may_be_none(path: str) -> bool:
    """Whether the recipe's key at *path* can be left without a value; some have a word ``none`` of their own."""
    kind: Any = Recipe
    for name in path.split("."):
        fields = getattr(kind, "model_fields", {})
        if name not in fields:
            return False
        kind = fields[name].annotation
    return type(None) in typing.get_args(kind) or kind is types.NoneType
