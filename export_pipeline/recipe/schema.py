"""JSON Schemas of recipes, for editors and for other programs that write them.

Editors of TOML (Taplo, and Even Better TOML in VS Code, which is built on it) follow older drafts, so this is draft 7.
They show no description that stands beside a ``$ref``, so there are no references: each table stands where it is used.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export_pipeline.recipe.classes import CLASSES
from export_pipeline.recipe.distill import DistillRecipe
from export_pipeline.recipe.table import LIMITS, WORSE, Table
from export_pipeline.recipe.whole import DEFAULT_TASK, Recipe
from export_pipeline.records.metric import Metric

KINDS = {"recipe": "Recipe of export-pipeline build", "distill": "Recipe of export-pipeline distill"}
# Of a node that pydantic makes: references, choices with null, and what earlier drafts do not know.
DROPPED = ("$defs", "$ref", "anyOf", "title", "prefixItems")
_NULL = {"type": "null"}
DRAFT = "http://json-schema.org/draft-07/schema#"


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of one of :data:`KINDS`. Of a recipe, the key ``task`` says which keys there are.

    It refuses unknown keys, values of another type and values out of range. What must fit together across keys is left
    to reading the recipe.
    """
    about = "Relative paths start at the folder of this file; ~ and $NAME in them are expanded."
    head = {"$schema": DRAFT, "title": KINDS[kind], "description": about}
    if kind == "distill":
        return {**class_schema(DistillRecipe), **head}
    made = class_schema(CLASSES[DEFAULT_TASK])
    for task, recipe in CLASSES.items():
        if task != DEFAULT_TASK:
            named = {"properties": {"task": {"const": task, "description": "the task"}}, "required": ["task"]}
            made = {"if": named, "then": class_schema(recipe), "else": made}
    return {**made, **head}


def class_schema(recipe: type[Table]) -> dict[str, Any]:
    """The JSON Schema of the recipes of one class."""
    made = recipe.model_json_schema()
    metrics = recipe.metrics if issubclass(recipe, Recipe) else ()
    plain = _plain(made, made.get("$defs", {}), metrics)
    if issubclass(recipe, Recipe) and recipe.takes_own_metric:  # its name is not known here
        report = plain["properties"]["report"]["properties"]
        for limits in (report["budgets"]["additionalProperties"], report["regression"]):
            limits["additionalProperties"] = {"type": "number", "exclusiveMinimum": 0}
    return plain


def schema_file(kind: str) -> Path:
    """Where the schema of one of :data:`KINDS` is kept."""
    return Path(__file__).with_name(f"{kind}.schema.json")


def schema_text(kind: str) -> str:
    """What :func:`schema_file` must hold."""
    return json.dumps(schema(kind), indent=1, ensure_ascii=False) + "\n"


def _plain(node: dict[str, Any], tables: dict[str, Any], metrics: Sequence[Metric]) -> dict[str, Any]:
    """*node* without references to *tables*, titles, and the null of a key that may be left out: TOML has none.

    A table of limits gets a key for each of *metrics*.
    """
    own = {key: value for key, value in node.items() if key not in DROPPED}
    if "const" in own:
        own["enum"] = [own.pop("const")]  # one choice is a list of choices as well
    if kind := own.pop(LIMITS, False):
        own["additionalProperties"] = False
        limits = {metric.name: _limit(metric, kind == WORSE) for metric in metrics if metric.has_limits}
        own["properties"] = {**own["properties"], **limits}
    if "$ref" in node:
        # A table's own description says more than that of the key.
        own |= _plain(tables[node["$ref"].rsplit("/", 1)[1]], tables, metrics)
    choices = node.get("anyOf", ())
    for choice in choices:
        if choice != _NULL and _NULL in choices:
            own = {**_plain(choice, tables, metrics), **own}
    if choices and _NULL not in choices:
        own["anyOf"] = [_plain(choice, tables, metrics) for choice in choices]
    if "default" in own and _says_nothing(own["default"]):
        del own["default"]
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(own.get(key), dict):
            own[key] = _plain(own[key], tables, metrics)
    if "properties" in own:
        own["properties"] = {name: _plain(value, tables, metrics) for name, value in own["properties"].items()}
    if "description" in own:
        own["description"] = " ".join(own["description"].replace("``", "`").split())
    return own


def _limit(metric: Metric, worse: bool) -> dict[str, Any]:
    name = metric.name.replace("_", " ")
    words = f"share by which {name} may be worse" if worse else f"{metric.rule} {name}: {metric.meaning}"
    return {"type": "number", "exclusiveMinimum": 0, "description": words}


def _says_nothing(default: Any) -> bool:
    """Whether *default* is none, or made of tables, whose keys have defaults of their own."""
    values = default if isinstance(default, list) else [default]
    return any(value is None or isinstance(value, dict) for value in values)
