"""JSON Schemas of recipes, for editors and for other programs that write them.

Editors of TOML (Taplo, and Even Better TOML in VS Code, which is built on it) follow older drafts, so this is draft 7.
They show no description that stands beside a ``$ref``, so there are no references: each table stands where it is used.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from export_pipeline.recipe.distill import DistillRecipe
from export_pipeline.recipe.table import Table
from export_pipeline.recipe.whole import Recipe

RECIPES: dict[str, type[Table]] = {"recipe": Recipe, "distill": DistillRecipe}
TITLES = {"recipe": "Recipe of export-pipeline build", "distill": "Recipe of export-pipeline distill"}
# Of a node that pydantic makes: references, choices with null, and what earlier drafts do not know.
DROPPED = ("$defs", "$ref", "anyOf", "title", "prefixItems")
DRAFT = "http://json-schema.org/draft-07/schema#"


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of one of :data:`RECIPES`.

    It refuses unknown keys, values of another type and values out of range. What must fit together across keys is left
    to reading the recipe.
    """
    made = RECIPES[kind].model_json_schema()
    plain = _plain(made, made.get("$defs", {}))
    about = "Relative paths start at the folder of this file; ~ and $NAME in them are expanded."
    return {"$schema": DRAFT, **plain, "title": TITLES[kind], "description": about}


def schema_file(kind: str) -> Path:
    """Where the schema of one of :data:`RECIPES` is kept."""
    return Path(__file__).with_name(f"{kind}.schema.json")


def schema_text(kind: str) -> str:
    """What :func:`schema_file` must hold."""
    return json.dumps(schema(kind), indent=1, ensure_ascii=False) + "\n"


def _plain(node: dict[str, Any], tables: dict[str, Any]) -> dict[str, Any]:
    """*node* without references to *tables*, titles, and the null of a key that may be left out: TOML has none."""
    own = {key: value for key, value in node.items() if key not in DROPPED}
    if "$ref" in node:
        # A table's own description says more than that of the key.
        own |= _plain(tables[node["$ref"].rsplit("/", 1)[1]], tables)
    for choice in node.get("anyOf", ()):
        if choice != {"type": "null"}:
            own = {**_plain(choice, tables), **own}
    if "default" in own and _says_nothing(own["default"]):
        del own["default"]
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(own.get(key), dict):
            own[key] = _plain(own[key], tables)
    if "properties" in own:
        own["properties"] = {name: _plain(value, tables) for name, value in own["properties"].items()}
    if "description" in own:
        own["description"] = " ".join(own["description"].replace("``", "`").split())
    return own


def _says_nothing(default: Any) -> bool:
    """Whether *default* is none, or made of tables, whose keys have defaults of their own."""
    values = default if isinstance(default, list) else [default]
    return any(value is None or isinstance(value, dict) for value in values)
