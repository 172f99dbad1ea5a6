"""The page of recipe keys, ``KEYS.md``: made from the same tables that a recipe is read with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from export_pipeline.recipe.classes import CLASSES
from export_pipeline.recipe.distill import DistillRecipe
from export_pipeline.recipe.schema import class_schema
from export_pipeline.recipe.table import Table
from export_pipeline.targets import SIZE

PAGE = Path(__file__).with_name("KEYS.md")
START = """# Recipe keys

<!-- Made by `make schemas` from the tables in this folder; a test compares. -->

A recipe is a TOML file. Every key may be left out unless its default is "required"; with a default of "-" there is then
no such value. An unknown key, a value of another type and a value out of range are refused, and the message says what
is allowed. Paths start at the folder of the recipe; `~` and `$NAME` in them are expanded.

Editors complete, explain and check recipes with `export-pipeline schema -o recipe.schema.json` and this first line:

```toml
#:schema ./recipe.schema.json
```
"""
HEADER = "| key | type | range | default | meaning |\n| --- | --- | --- | --- | --- |"
TYPES = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}


def page() -> str:
    """The text that :data:`PAGE` must hold."""
    parts = [START]
    recipes: dict[str, type[Table]] = {}
    recipes |= {f"`build`, task `{task}`": recipe for task, recipe in CLASSES.items()}
    recipes["`distill`"] = DistillRecipe
    for title, recipe in recipes.items():
        parts.append(f"## {title}\n")
        parts.extend(_sections(class_schema(recipe), ""))
    return "\n".join(parts).rstrip() + "\n"


def _sections(table: dict[str, Any], path: str) -> Iterator[str]:
    """The keys of *table*, which has the heading *path*, then each table inside of it."""
    inner = {name: _inner_table(name, node, path) for name, node in table["properties"].items()}
    required = table.get("required", ())
    rows = [_row(name, node, name in required) for name, node in table["properties"].items() if inner[name] is None]
    if rows:
        yield "\n".join([HEADER, *rows]) + "\n"
    for found in inner.values():
        if found is not None:
            heading, below = found
            yield f"### `{heading}`\n\n{_sentence(_about(below))}\n"
            yield from _sections(below, heading.strip("[]"))


def _inner_table(name: str, node: dict[str, Any], path: str) -> tuple[str, dict[str, Any]] | None:
    """Heading and keys of the table, tables by target, or list of tables that a key is; ``None`` for a value."""
    whole = f"{path}.{name}" if path else name
    if "properties" in node:
        return f"[{whole}]", node
    if "properties" in _dictionary(node, "additionalProperties"):
        return f"[{whole}.TARGET]", node["additionalProperties"]
    if "properties" in _dictionary(node, "items"):
        return f"[[{whole}]]", node["items"]
    return None


def _about(table: dict[str, Any]) -> str:
    """What a table is, without its name, which stands above."""
    text = str(table["description"])
    return text.split("]`: ", 1)[-1]


def _row(name: str, node: dict[str, Any], required: bool) -> str:
    default = "required" if required else f"`{_toml(node['default'])}`" if "default" in node else "-"
    cells = (f"`{name}`", _type(node), _range(node), default, node["description"])
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _type(node: dict[str, Any]) -> str:
    if node["type"] == "array":
        return f"list of {TYPES[node['items']['type']]}s"
    if node["type"] == "object":
        inner = node["additionalProperties"]
        # Of tables by name, those of lists are by input.
        by = "target" if "propertyNames" in node else "input" if inner["type"] == "array" else "layer"
        return f"{_type(inner)} by {by}"
    return TYPES[node["type"]]


def _range(node: dict[str, Any]) -> str:
    """What a value, or each value of a list or table, may be."""
    within = node.get("items") or node.get("additionalProperties") or node
    if "enum" in within:
        return ", ".join(f"`{choice}`" for choice in within["enum"])
    if "anyOf" in within:
        return "as in `export.targets`, also with a further size, such as `tflite-int8@640x480`"
    if within.get("pattern") == f"^{SIZE}$":
        return "height x width, within those of both"
    if "pattern" in within:
        return f"`{within['pattern']}`"
    parts = (
        _limits(within),
        f"a multiple of {within['multipleOf']}" if "multipleOf" in within else "",
        f"{node['minItems']} of them" if node.get("minItems", 0) == node.get("maxItems", -1) else "",
    )
    return ", ".join(filter(None, parts)) or "any"


def _limits(node: dict[str, Any]) -> str:
    least, above = node.get("minimum"), node.get("exclusiveMinimum")
    most, below = node.get("maximum"), node.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f"{_number(least)} to {_number(most)}"
    from_ = f"{_number(least)} or more" if least is not None else f"above {_number(above)}" if above is not None else ""
    to = f"at most {_number(most)}" if most is not None else f"below {_number(below)}" if below is not None else ""
    return ", ".join(filter(None, (from_, to)))


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _toml(value: Any) -> str:
    """A default as TOML has it, which for text, numbers, truths and lists of them is as JSON has it."""
    return json.dumps(value, ensure_ascii=False)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _dictionary(node: dict[str, Any], key: str) -> dict[str, Any]:
    found = node.get(key)
    return found if isinstance(found, dict) else {}
