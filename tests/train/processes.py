"""Trainings in processes of their own, from a recipe as its user would have written it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

from export_pipeline.recipe import Recipe

ROOT = Path(__file__).parents[2]


def toml(recipe: Recipe) -> str:
    """*recipe* as its user would have written it."""
    tables = recipe.model_dump(exclude_none=True, include={"model", "train"})
    lines = []
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines)


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
