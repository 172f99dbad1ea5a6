"""What stands in a recipe file, and the paths that it means."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from export_pipeline.errors import RecipeError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def expanded_path(folder: Path, written: str) -> Path:
    """The path that *written* in a recipe in *folder* means. See :meth:`Recipe.path`."""
    expanded = os.path.expandvars(written)
    if missing := re.search(r"\$\{?(\w+)", expanded):
        raise RecipeError(f"{written!r} needs the environment variable {missing[1]}, which is not set. Set it.")
    try:
        return folder / Path(expanded).expanduser()
    except RuntimeError as error:
        raise RecipeError(f"{written!r} starts at a home folder that is not known here. Write it out.") from error


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a recipe file, not looked at yet.

    Raises:
        RecipeError: it is missing or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read recipe {path}: {error.strerror}. Give the path of a TOML recipe.") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path} is not a TOML recipe: {error}") from error
    except RecursionError:
        raise RecipeError(f"{path} is not a TOML recipe: it nests too deeply. Give a .toml file.") from None
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not a TOML recipe: it is no text in UTF-8. Give a .toml file.") from error
