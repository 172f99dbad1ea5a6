"""JSON that a stranger wrote."""

from __future__ import annotations

import json
from typing import Any

_DEEPEST = 100  # levels of lists and tables: those who walk through a document call themselves


def parsed(document: str | bytes) -> Any:
    """What *document*, a JSON text, says.

    Raises:
        ValueError: it is no JSON, has more than 100 levels, or escapes half of a pair of characters, which no file and
            no terminal takes.
    """
    try:
        found = json.loads(document)
        if _is_deeper(found, _DEEPEST):
            raise RecursionError
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError(f"it has more than {_DEEPEST} levels") from None
    except UnicodeEncodeError:
        raise ValueError("it has half of a pair of characters") from None
    return found


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, (list, dict)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inner)
